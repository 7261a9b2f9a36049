"""The one version of Taskwire: that of pyproject.toml in the root, which every other place repeats.

    uv run python -m deploy.release.version 1.1.0

writes it everywhere. What is generated has it from the code: `make version` runs `make contracts` afterwards.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
"""Three numbers (semver.org). Releases have no suffix: what is not released has no version of its own."""

_IN_PROJECT = r'^version = "([^"]+)"$'
_IN_JSON = r'^    "version": "([^"]+)"'  # of `info`
_IN_IMAGES = r"/taskwire/[\w-]+, newTag: ([^}\s]+)"
WRITTEN = {
    "pyproject.toml": _IN_PROJECT,
    "[a-z]*/*/pyproject.toml": _IN_PROJECT,
    "clients/*/package*.json": r'"name": "taskwire-[a-z]+",\n +"version": "([^"]+)"',  # of itself, not of what it needs
    "uv.lock": r'^version = "([^"]+)"\nsource = \{ (?:editable|virtual) = ',  # the members of the workspace
    "Dockerfile": r"^ARG VERSION=(\S+)$",
    "deploy/kubernetes/overlays/neon/kustomization.yaml": _IN_IMAGES,
    "deploy/kubernetes/overlays/production/kustomization.yaml": _IN_IMAGES,
}
"""Where it is written by `write`: files, and the pattern whose group is the version."""

GENERATED = {"docs/openapi.json": _IN_JSON, "docs/asyncapi.json": _IN_JSON, "docs/postman-collection.json": _IN_JSON}
"""Where `make contracts` puts it."""


@dataclass(frozen=True)
class Statement:
    """One place that states a version."""

    path: str
    version: str


def product_version(root: Path = ROOT) -> str:
    """The version. Raises LookupError when pyproject.toml has none."""
    found = re.search(_IN_PROJECT, (root / "pyproject.toml").read_text(), re.MULTILINE)
    if found is None:
        raise LookupError("pyproject.toml in the root has no version")
    return found[1]


def statements(root: Path = ROOT) -> Iterator[Statement]:
    """Every place that states the version, and what it says; a file that says none counts as one that says ''."""
    for file, pattern in _files(root, WRITTEN | GENERATED):
        said = [found[1] for found in re.finditer(pattern, file.read_text(), re.MULTILINE)]
        for version in said or [""]:
            yield Statement(str(file.relative_to(root)), version)


def differing(root: Path = ROOT) -> list[str]:
    """The places that state another version than the product's."""
    version = product_version(root)
    return sorted({f"{one.path}: {one.version or 'no version'}" for one in statements(root) if one.version != version})


def write(version: str, root: Path = ROOT) -> list[str]:
    """Writes the version everywhere but in what is generated; the paths of the files that it changed."""
    if SEMVER.fullmatch(version) is None:
        raise ValueError(f"{version} is not three numbers, such as 1.2.0")
    changed = []
    for file, pattern in _files(root, WRITTEN):
        text = file.read_text()
        written = re.sub(pattern, lambda found: found[0].replace(found[1], version, 1), text, flags=re.MULTILINE)
        if written != text:
            file.write_text(written)
            changed.append(str(file.relative_to(root)))
    return changed


def _files(root: Path, patterns: dict[str, str]) -> Iterator[tuple[Path, str]]:
    """The files that there are, and their patterns."""
    for glob, pattern in patterns.items():
        for file in sorted(root.glob(glob)):
            yield file, pattern


def main() -> int:
    """The `make version` command; its exit status."""
    try:
        changed = write(sys.argv[1] if len(sys.argv) > 1 else "")
    except ValueError as error:
        sys.stderr.write(f"VERSION: {error}\n")
        return 2
    sys.stdout.write("".join(f"{path}\n" for path in changed))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What must hold before a release is tagged: `make release-check`.

Every check is made and reported, also after one has failed. The exit status is 1 when any did. Tests are not repeated
here: those of the same commit have to pass (`.ci/run`).
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from deploy.release.version import ROOT, SEMVER, differing, product_version, statements

LICENCE = "Apache-2.0"
LICENCE_BEGINS = ("Apache License", "Version 2.0, January 2004")
PACKAGES = ("pyproject.toml", "[a-z]*/*/pyproject.toml", "clients/*/package.json")
GENERATORS = ("docs/generate.py", "docs/postman_collection.py")
ENTRY = r"^## \[{version}\] - (\d{{4}}-\d\d-\d\d)\n(.*?)(?=^## \[|^\[|\Z)"
WITHIN_S = 120
SHOWN = 8
"""Faults of one check that are reported, at most."""

type Faults = list[str]
"""What is wrong, a line each; none when the check passes."""


def version_agrees(root: Path) -> Faults:
    """The version is three numbers, and the same in every place."""
    version = product_version(root)
    faults = [] if SEMVER.fullmatch(version) else [f"{version} is not three numbers"]
    return faults + [f"{place} instead of {version}" for place in differing(root)]


def version_is_new(root: Path) -> Faults:
    """No release has this number or a higher one; the tag of this very commit does not count."""
    here = set(_git(root, "tag", "--points-at", "HEAD"))
    released = [tag.removeprefix("v") for tag in _git(root, "tag", "--list", "v*") if tag not in here]
    version = product_version(root)
    return [
        f"v{one} is a release already, and {version} is not above it"
        for one in released
        if SEMVER.fullmatch(one) and _numbers(one) >= _numbers(version)
    ]


def changelog_has_it(root: Path) -> Faults:
    """CHANGELOG.md has an entry for the version, with a date that has come and with text, below an empty Unreleased."""
    version, text = product_version(root), (root / "CHANGELOG.md").read_text()
    entry = re.search(ENTRY.format(version=re.escape(version)), text, re.MULTILINE | re.DOTALL)
    if entry is None:
        return [f"CHANGELOG.md has no entry `## [{version}] - YYYY-MM-DD`"]
    unreleased = re.search(r"^## \[Unreleased\]\n(.*?)(?=^## \[)", text, re.MULTILINE | re.DOTALL)
    checks = {
        f"CHANGELOG.md: {entry[1]} is not a day that has come": _has_come(entry[1]),
        f"CHANGELOG.md: the entry of {version} says nothing": re.search(r"^- ", entry[2], re.MULTILINE) is not None,
        "CHANGELOG.md has no [Unreleased] above its entries": unreleased is not None,
        "CHANGELOG.md: what is in [Unreleased] belongs into the entry": unreleased is None or not unreleased[1].strip(),
    }
    return [fault for fault, holds in checks.items() if not holds]


def licence_is_stated(root: Path) -> Faults:
    """LICENSE has the text, and every package, the images and the API's document name it."""
    head = (root / "LICENSE").read_text()[:200] if (root / "LICENSE").exists() else ""
    faults = [] if all(line in head for line in LICENCE_BEGINS) else [f"LICENSE is not the text of {LICENCE}"]
    packages = {file for glob in PACKAGES for file in root.glob(glob)}
    named = re.compile(rf'^ *"?license"?(?: =|:) "{re.escape(LICENCE)}"', re.MULTILINE)
    faults += [
        f"{file.relative_to(root)} names no licence" for file in sorted(packages) if not named.search(file.read_text())
    ]
    if f'org.opencontainers.image.licenses="{LICENCE}"' not in (root / "Dockerfile").read_text():
        faults.append("Dockerfile labels its images with no licence")
    if json.loads((root / "docs/openapi.json").read_text())["info"].get("license", {}).get("identifier") != LICENCE:
        faults.append("docs/openapi.json names no licence")
    return faults


def contracts_are_current(root: Path) -> Faults:
    """What `make contracts` would write is what is there."""
    with tempfile.TemporaryDirectory() as folder:
        for script in GENERATORS:
            command = [sys.executable, script, folder]
            done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=WITHIN_S, check=False)  # noqa: S603
            if done.returncode != 0:
                return [f"{script} fails: " + (done.stderr.strip().splitlines() or ["it says nothing"])[-1]]
        written = {file.relative_to(folder): file.read_bytes() for file in Path(folder).rglob("*") if file.is_file()}
    docs = {name: root / "docs" / name for name in written}
    stale = sorted(str(name) for name, file in docs.items() if not file.exists() or file.read_bytes() != written[name])
    return [f"docs/{name} is not what the code says: run `make contracts`" for name in stale]


def tree_is_clean(root: Path) -> Faults:
    """Nothing is uncommitted: a tag names a commit, not a working tree."""
    return [f"not committed: {line[3:]}" for line in _git(root, "status", "--porcelain")]


CHECKS: Sequence[tuple[str, Callable[[Path], Faults]]] = (
    ("one version everywhere", version_agrees),
    ("no release has it yet", version_is_new),
    ("the changelog tells of it", changelog_has_it),
    ("the licence is stated", licence_is_stated),
    ("contracts are current", contracts_are_current),
    ("everything is committed", tree_is_clean),
)


def report(root: Path) -> tuple[int, str]:
    """The exit status and the text of all checks."""
    lines = [f"Release {product_version(root)}, stated in {len(list(statements(root)))} places"]
    failed = 0
    for name, check in CHECKS:
        faults = check(root)
        failed += bool(faults)
        more = [f"and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
        lines += [
            f"  {'FAIL' if faults else 'ok  '}  {name}",
            *(f"          {fault}" for fault in faults[:SHOWN] + more),
        ]
    last = (
        f"Not ready: {failed} of {len(CHECKS)} checks failed."
        if failed
        else "Ready to be tagged, if its tests are green."
    )
    return int(failed > 0), "\n".join([*lines, last])


def _has_come(day: str) -> bool:
    try:
        return date.fromisoformat(day) <= datetime.now(UTC).date()
    except ValueError:
        return False


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _git(root: Path, *arguments: str) -> list[str]:
    """The lines that git prints. Raises CalledProcessError where this is no clone."""
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=WITHIN_S, check=True)  # noqa: S603
    return done.stdout.splitlines()


def main() -> int:
    """The exit status."""
    status, text = report(ROOT)
    sys.stdout.write(f"{text}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())

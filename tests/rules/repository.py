"""The rules for all files of the repository."""

import subprocess
from collections.abc import Iterator

from .sources import ROOT

# Spelled in parts: this file is checked like any other.
REGISTRIES = tuple(
    ".".join(labels)
    for labels in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("crates", "io"),
        ("rubygems", "org"),
        ("proxy", "golang", "org"),
        ("repo1", "maven", "org"),
        ("conda", "anaconda", "org"),
    )
)
MERGE_MARKERS = tuple(f"{sign * 7} " for sign in "<>|")


def tracked() -> Iterator[tuple[str, str]]:
    """Path and text of every file that git tracks and that is there; bytes that are no text are replaced."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    for path in filter(None, listed.stdout.split("\0")):
        if (ROOT / path).is_file():
            yield path, (ROOT / path).read_text(errors="replace")


def registries_named(path: str, text: str) -> list[str]:
    """The hosts of package registries in the file; the lock is the one place that needs them."""
    return [] if path == "uv.lock" else [f"{path}: {host}" for host in REGISTRIES if host in text]


def merge_markers(path: str, text: str) -> list[str]:
    """The lines that a merge has left."""
    lines = enumerate(text.splitlines(), start=1)
    return [f"{path}:{number}: a merge marker" for number, line in lines if line.startswith(MERGE_MARKERS)]

"""Programs from npm, in the versions of npm/package-lock.json."""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "npm"
FETCH_WITHIN_S = 90


@pytest.fixture(scope="session")
def npm_folder(repository: Path) -> Path:
    """A copy of npm/ with its packages, kept for the next run. Skips where npm is missing or cannot fetch them."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    folder = repository / ".stack-ci" / "npm"
    if not _is_filled(folder):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(HERE, folder)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=FETCH_WITHIN_S)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"npm cannot fetch packages: {(error.stderr or b'')[-200:]!r}")
    for source in HERE.glob("*s*"):
        shutil.copy(source, folder)
    return folder


def _is_filled(folder: Path) -> bool:
    """Whether npm has fetched these very packages: it writes its own list last."""
    lock = folder / "package-lock.json"
    done = folder / "node_modules" / ".package-lock.json"
    return done.exists() and lock.exists() and lock.read_bytes() == (HERE / "package-lock.json").read_bytes()


def run(folder: Path, *arguments: str | Path) -> str:
    """What a program of the packages prints; fails with all that it says unless it ends well."""
    program, *rest = arguments
    command = [folder / "node_modules" / ".bin" / program, *rest]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout

"""clients/typescript with the programs from npm that it needs, in the versions of its package-lock.json."""

import shutil
import subprocess
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "clients" / "typescript"
FETCH_WITHIN_S = 90
UNFETCHED = shutil.ignore_patterns("node_modules", "out", "schema.d.ts")  # what somebody has made beside the example


@pytest.fixture(scope="session")
def npm_folder(repository: Path) -> Path:
    """A copy of the example with its packages, kept for the next run. Skips where npm is missing or fetches none."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    folder = repository / ".stack-ci" / "npm"
    if not _is_filled(folder):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(EXAMPLE, folder, ignore=UNFETCHED)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=FETCH_WITHIN_S)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"npm cannot fetch packages: {(error.stderr or b'')[-200:]!r}")
    shutil.rmtree(folder / "src", ignore_errors=True)
    shutil.copytree(EXAMPLE, folder, ignore=UNFETCHED, dirs_exist_ok=True)
    return folder


def _is_filled(folder: Path) -> bool:
    """Whether npm has fetched these very packages: it writes its own list last."""
    lock = folder / "package-lock.json"
    done = folder / "node_modules" / ".package-lock.json"
    return done.exists() and lock.exists() and lock.read_bytes() == (EXAMPLE / "package-lock.json").read_bytes()


def run(folder: Path, *arguments: str | Path) -> str:
    """What a program of the packages prints; fails with all that it says unless it ends well."""
    program, *rest = arguments
    command = [folder / "node_modules" / ".bin" / program, *rest]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout

"""Debian's Prometheus and its tool, where they are."""

import shutil
import subprocess
from pathlib import Path

import pytest

PROMTOOL, PROMETHEUS = shutil.which("promtool"), shutil.which("prometheus")
NEEDS_PROMETHEUS = pytest.mark.skipif(
    PROMTOOL is None or PROMETHEUS is None, reason="NOT TESTED: needs Debian's package prometheus"
)
WITHIN_S = 100


def hold(folder: Path, *files: str) -> None:
    """Fails, with what promtool says, unless the tests in these files of the folder hold."""
    tested = subprocess.run(
        [str(PROMTOOL), "test", "rules", *files],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
    )

    assert tested.returncode == 0, tested.stdout + tested.stderr

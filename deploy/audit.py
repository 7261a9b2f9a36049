"""Looks up known advisories for everything that the lock installs for the services.

    uv run python deploy/audit.py

Exits with 1 when there is one, with 0 when there is none, and also when they cannot be had here: then it says so.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
WITHIN_S = 90
EXPORT = ("export", "--quiet", "--locked", "--all-packages", "--no-default-groups", "--no-emit-workspace")
AUDIT = ("pip-audit", "--disable-pip", "--require-hashes", "--timeout", "5", "--progress-spinner", "off")


def main() -> int:
    """The exit status."""
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        uv = os.environ.get("UV", "uv")  # set by uv itself for what it runs
        subprocess.run([uv, *EXPORT, "--output-file", str(requirements)], cwd=ROOT, check=True, timeout=WITHIN_S)  # noqa: S603
        status, text = judge(ask(requirements))
    sys.stdout.write(f"{text}\n")
    return status


def ask(requirements: Path) -> dict[str, Any] | None:
    """What pip-audit reports; None when it cannot reach the advisories, or not in time."""
    arguments = [*AUDIT, "--format", "json", "--requirement", str(requirements)]
    try:
        audit = subprocess.run(arguments, capture_output=True, text=True, timeout=WITHIN_S, check=False)  # noqa: S603
        report: dict[str, Any] = json.loads(audit.stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        return None
    return report


def judge(report: dict[str, Any] | None) -> tuple[int, str]:
    """Exit status and what to say. A skipped package counts as not looked up."""
    packages = report["dependencies"] if report else []
    known = [package for package in packages if "vulns" in package]
    if not known:
        return 0, "Advisories: SKIPPED, they cannot be reached from here."
    holes = [
        f"{package['name']} {package['version']}: {hole['id']}, mended in {' or '.join(hole['fix_versions']) or 'none'}"
        for package in known
        for hole in package["vulns"]
    ]
    said = f"Advisories: {len(holes)} about {len(known)} packages."
    if len(known) < len(packages):
        said += f" {len(packages) - len(known)} packages could not be looked up."
    return (1 if holes else 0), "\n".join([*holes, said])


if __name__ == "__main__":
    sys.exit(main())

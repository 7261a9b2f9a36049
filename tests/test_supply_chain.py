"""The output of `make audit` and `make sbom`."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from deploy import audit
from tests.installing import PACKAGES, extras, installed

SOUND = {"name": "sound", "version": "1.0", "vulns": []}
HOLED = {"name": "holed", "version": "2.0", "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["2.1"], "aliases": []}]}
SKIPPED = {"name": "skipped", "skip_reason": "Dependency not found on PyPI and could not be audited: skipped (3.0)"}


@pytest.mark.parametrize(
    ("dependencies", "status", "said"),
    [
        ([SOUND], 0, "Advisories: 0 about 1 packages."),
        ([SOUND, HOLED], 1, "holed 2.0: PYSEC-2026-1, mended in 2.1\nAdvisories: 1 about 2 packages."),
        ([SOUND, SKIPPED], 0, "Advisories: 0 about 1 packages. 1 packages could not be looked up."),
        ([SKIPPED], 0, "Advisories: SKIPPED, they cannot be reached from here."),
        ([], 0, "Advisories: SKIPPED, they cannot be reached from here."),
    ],
)
def test_the_verdict_distinguishes_a_vulnerability_from_a_failed_query(
    dependencies: list[dict[str, Any]], status: int, said: str
) -> None:
    assert audit.judge({"dependencies": dependencies, "fixes": []}) == (status, said)


def test_without_a_report_the_audit_is_skipped_with_a_word() -> None:
    assert audit.judge(None) == (0, "Advisories: SKIPPED, they cannot be reached from here.")


@pytest.mark.parametrize("said", ["no JSON", ""])
def test_an_audit_that_fails_is_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    program = tmp_path / "pip-audit"
    program.write_text(f"#!/bin/sh\necho '{said}'\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    assert audit.ask(tmp_path / "requirements.txt") is None


@pytest.mark.parametrize("service", ["gateway", "task-reader", "task-writer"])
def test_the_bill_of_materials_of_a_service_is_what_its_image_has(
    repository: Path, tmp_path: Path, service: str
) -> None:
    subprocess.run(["make", f"sbom-{service}", f"SBOM={tmp_path}"], cwd=repository, check=True, timeout=60)

    bill = json.loads((tmp_path / f"{service}.cdx.json").read_text())
    named = {component["name"]: component["version"] for component in bill["components"]}
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", service)
    assert named == {name: PACKAGES[name]["version"] for name in installed(service, extras(service)) - {service}}

"""Each request that schemathesis draws from /openapi.json is answered as that says: statuses, schemas, headers."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .budget import BUDGET, TIME_LIMIT_S

HERE = Path(__file__).parent
PROGRAM = Path(sys.executable).with_name("st")
PHASES = {"examples", "coverage", "fuzzing", "stateful"}
OPERATIONS = 9  # all but the event stream, which does not end: tests/contract/test_events.py


@pytest.mark.timeout(TIME_LIMIT_S)
def test_the_api_answers_drawn_requests_as_it_is_described(gateway_url: str, tmp_path: Path) -> None:
    report, said = draw_requests(gateway_url, tmp_path)

    cases = report["test_cases"]
    print(f"schemathesis sent {cases['generated']} requests, seed {report['seed']}")
    assert (report["failures"], report["errors"], report["exit_code"]) == ([], [], 0), said
    assert {name for name, phase in report["phases"].items() if phase["status"] == "success"} == PHASES, said
    assert (report["complete"], report["operations"]["tested"]) == (True, OPERATIONS), said
    assert cases["generated"] - cases["without_checks"] >= BUDGET.requests, said


def draw_requests(gateway_url: str, directory: Path) -> tuple[dict[str, Any], str]:
    """The report of one run of schemathesis, and what it printed: each failure with a curl command that repeats it.

    As a program of its own it has its own event loop, warnings and random numbers, and all four phases; its plugin for
    pytest has no stateful phase.
    """
    path = directory / "report.json"
    arguments: list[str | Path] = [
        PROGRAM, "--config-file", HERE / "schemathesis.toml", "--no-color", "run", f"{gateway_url}/openapi.json",
        "--max-examples", str(BUDGET.requests_per_operation), "--continue-on-failure", "--generation-database", "none",
        "--report-json-path", path, "--exclude-operation-id", "stream_events",
        *(["--seed", "1"] if BUDGET.same_each_time else []),
    ]  # fmt: skip
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": f"{__package__}.schemathesis_hooks", "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        arguments,
        cwd=HERE.parents[1],
        env=environment,
        timeout=TIME_LIMIT_S,
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert path.exists(), said
    report: dict[str, Any] = json.loads(path.read_text())
    return report, said

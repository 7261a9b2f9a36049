"""The rules load, name what exists, are explained, and one of them is seen to fire: on Debian's Prometheus."""

import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from local_stack.stack import Stack
from prometheus_client import Counter
from prometheus_client.parser import text_string_to_metric_families

from tests.docs.pages import ROOT
from tests.waiting import eventually

from .names import MODULES, NAME, metrics, series
from .promtool import NEEDS_PROMETHEUS, PROMTOOL, hold, running_prometheus

OBSERVABILITY = ROOT / "deploy" / "observability"
PAGE = ROOT / "docs" / "alerts.md"
RULES = OBSERVABILITY / "rules.yml"
DASHBOARDS = sorted((OBSERVABILITY / "grafana" / "dashboards").glob("*.json"))


def rules() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
    ]
    assert found
    return found


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def queries() -> list[str]:
    """All that the alerts and the dashboard ask of Prometheus."""
    panels = [panel for path in DASHBOARDS for panel in json.loads(path.read_text())["panels"]]
    return [rule["expr"] for rule in rules()] + [target["expr"] for panel in panels for target in panel["targets"]]


def test_alerts_and_dashboard_name_metrics_that_the_code_has() -> None:
    assert {name for query in queries() for name in NAME.findall(query)} - series() == set()


def test_every_metric_is_in_an_alert_or_on_the_dashboard() -> None:
    asked_for = {name for query in queries() for name in NAME.findall(query)}

    shown = {name for name in metrics() if asked_for & {name, f"{name}_bucket", f"{name}_sum", f"{name}_count"}}

    assert shown == set(metrics())


def test_labels_in_queries_are_labels_of_their_metric() -> None:
    known = {name: {*metric._labelnames, "job", "instance", "le"} for name, metric in metrics().items()}
    matched = [found for query in queries() for found in re.findall(r"\b(taskwire_[a-z_]+)\{([^}]*)\}", query)]

    assert matched
    for name, matchers in matched:
        base = next(one for one in known if name in {one, f"{one}_bucket", f"{one}_sum", f"{one}_count"})
        labels = set(re.findall(r"(\w+)(?:=~|!=|=)", matchers))
        assert labels, matchers
        assert labels <= known[base], f"{name}{{{matchers}}}"


def test_counters_of_what_is_rare_are_there_before_it_happens() -> None:
    """From nothing to 1 is no increase to Prometheus: an alert would miss the first."""
    script = f"import {', '.join(module.__name__ for module in MODULES)}, prometheus_client as all\n"
    script += "print(all.generate_latest().decode())"
    fresh = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60)
    samples = [one for family in text_string_to_metric_families(fresh.stdout) for one in family.samples]

    counters = {name for name, metric in metrics().items() if isinstance(metric, Counter)}
    assert counters - {one.name for one in samples} == {
        "taskwire_commands_total",  # rare are its failures alone
        "taskwire_background_failures_total",  # there once the work is started
    }
    watched = re.findall(r"increase\((\w+)\{(\w+)=\"([^\"]+)\"\}", " ".join(queries()))
    assert watched
    assert set(watched) <= {(one.name, *label) for one in samples for label in one.labels.items()}


def test_every_alert_has_its_paragraph_and_every_paragraph_its_alert() -> None:
    assert re.findall(r"^## (\w+)$", PAGE.read_text(), re.MULTILINE) == [rule["alert"] for rule in alerts()]
    for rule in alerts():
        assert rule["annotations"]["runbook"] == f"docs/alerts.md#{rule['alert'].lower()}"


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_the_panels_of_a_dashboard_lie_beside_each_other(dashboard: Path) -> None:
    taken = set[tuple[int, int]]()
    for panel in json.loads(dashboard.read_text())["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + column, place["y"] + row) for column in range(place["w"]) for row in range(place["h"])}
        assert not taken & cells, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert taken


@NEEDS_PROMETHEUS
def test_prometheus_takes_the_configuration_and_the_rules() -> None:
    checked = subprocess.run(
        [str(PROMTOOL), "check", "config", "prometheus.yml"],
        cwd=OBSERVABILITY,
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert (checked.returncode, f"{len(rules())} rules found" in checked.stdout) == (0, True), checked.stderr


@NEEDS_PROMETHEUS
@pytest.mark.parametrize(("skews_s", "fires"), [("0 0.4 -0.4 0", False), ("0 0 -2 0", True), ("0 1.9 0 0", True)])
def test_a_clock_that_is_off_either_way_is_an_alert_also_once_it_is_right_again(
    tmp_path: Path, skews_s: str, fires: bool
) -> None:
    (rule,) = [rule for rule in alerts() if rule["alert"] == "DatabaseClockDiffers"]
    expected = [{"exp_labels": rule["labels"], "exp_annotations": rule["annotations"]}] if fires else []
    test = {
        "interval": "15s",
        "input_series": [{"series": 'taskwire_database_clock_skew_seconds{job="gateway"}', "values": skews_s}],
        "alert_rule_test": [{"eval_time": "45s", "alertname": rule["alert"], "exp_alerts": expected}],
    }
    tests = {"rule_files": [str(RULES)], "evaluation_interval": "15s", "tests": [test]}
    (tmp_path / "test.yml").write_text(yaml.safe_dump(tests))

    hold(tmp_path, "test.yml")


@pytest.fixture
async def prometheus(stack: Stack, tmp_path: Path) -> AsyncIterator[str]:
    """Prometheus on the running system: our rules, but asked each second, and firing after one."""
    rules = re.sub(r"\bfor: \w+", "for: 1s", RULES.read_text())
    known = stack.addresses
    targets = {
        "gateway": known.gateway_admin_url,
        "task-reader": known.task_reader_admin_url,
        "task-writer": known.task_writer_admin_url,
    }
    async with running_prometheus(tmp_path, targets, rules=rules) as url:
        yield url


async def firing(url: str) -> set[str]:
    """The alerts that fire now."""
    async with httpx.AsyncClient(base_url=url, timeout=5) as client:
        alerts = (await client.get("/api/v1/alerts")).json()["data"]["alerts"]
    return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}


async def scraped(url: str) -> bool:
    """Whether all three services were reached."""
    async with httpx.AsyncClient(base_url=url, timeout=5) as client:
        answer = (await client.get("/api/v1/query", params={"query": "sum(up)"})).json()
    result = answer.get("data", {}).get("result", [])
    return bool(result) and result[0]["value"][1] == "3"


@NEEDS_PROMETHEUS
async def test_a_stopped_writer_is_an_alert_that_fires_and_ends(stack: Stack, prometheus: str) -> None:
    async def writer_is_missed() -> bool:
        return {"WriterStopped", "ServiceDown", "ServiceMissing"} <= await firing(prometheus)

    async def nothing_is_missed() -> bool:
        return not await firing(prometheus) & {"WriterStopped", "ServiceDown", "ServiceMissing"}

    await eventually(lambda: scraped(prometheus), within_s=30)
    await eventually(nothing_is_missed, within_s=30)

    await stack.services["task-writer"].stop()
    try:
        await eventually(writer_is_missed, within_s=30)
    finally:
        await stack.services["task-writer"].start()

    await eventually(nothing_is_missed, within_s=30)

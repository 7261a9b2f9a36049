"""Every rule fires on the labels that our targets have, in Docker Compose and on Kubernetes, and is silent otherwise.

Debian's promtool evaluates them. On Kubernetes there is a second installation, in which all is well: it must not hide
what is wrong in the first, nor be blamed for it.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.manifests import needs_kustomize, rendered

from .alert_cases import CASES, Case, Samples
from .promtool import NEEDS_PROMETHEUS, hold
from .targets import Labels, compose_targets, kubernetes_targets, series
from .test_alerts import RULES, alerts, rules

STEP_S = 60
GONE_FOR = 8  # samples

pytestmark = NEEDS_PROMETHEUS


def test_every_alert_has_its_cases() -> None:
    assert list(CASES) == [alert["alert"] for alert in alerts()]


def test_every_alert_that_fires_in_docker_compose_is_silent_otherwise(tmp_path: Path) -> None:
    targets = compose_targets()

    promtool(
        tmp_path,
        {name: [test for case in cases(name, "compose") for test in both(name, case, targets, [])] for name in CASES},
    )


@needs_kustomize
def test_every_alert_that_fires_on_kubernetes_is_silent_otherwise(tmp_path: Path) -> None:
    targets = kubernetes_targets("overlays/production")
    targets["kube-state-metrics"] = [{"namespace": "taskwire", "job": "kube-state-metrics"}]
    elsewhere = {job: [labels | {"namespace": "staging"} for labels in all_of] for job, all_of in targets.items()}

    promtool(
        tmp_path,
        {
            name: [
                test
                for case in cases(name, "kubernetes")
                for test in both(name, case, targets, samples_of(case.good, elsewhere, case.samples))
            ]
            for name in CASES
        },
    )


@needs_kustomize
def test_labels_of_targets_hide_none_of_the_metrics() -> None:
    """Prometheus renames a metric's own label to exported_… when its target has one of that name."""
    of_targets = {key for labels in kubernetes_targets("overlays/production").values() for one in labels for key in one}
    used = set(re.findall(r"(\w+)=~?\"", " ".join(metric for case in all_cases() for metric in metrics_of(case))))

    assert used
    assert of_targets & (used | {"kind"}) == set()


@needs_kustomize
def test_the_operators_rules_are_those_of_docker_compose() -> None:
    (manifest,) = [one for one in rendered("overlays/production") if one["kind"] == "PrometheusRule"]

    assert manifest["spec"] == yaml.safe_load(RULES.read_text()), "run `make contracts`"


def cases(alert: str, environment: str) -> list[Case]:
    return [case for case in CASES[alert] if environment in case.environments]


def all_cases() -> Iterator[Case]:
    return (case for all_of in CASES.values() for case in all_of)


def metrics_of(case: Case) -> Iterator[str]:
    return (metric for samples in (case.bad, case.good) for by_metric in samples.values() for metric in by_metric)


def both(name: str, case: Case, targets: dict[str, list[Labels]], around: list[Any]) -> list[Any]:
    """The two tests of a case: what is wrong here fires, with every label that its summary names, and nowhere else."""
    bad = samples_of(case.bad, targets, case.samples, case)
    good = samples_of(case.good, targets, case.samples)
    end, firing = f"{(case.samples - 1) * STEP_S}s", f'ALERTS{{alertname="{name}",alertstate="firing"'
    (summary,) = [alert["annotations"]["summary"] for alert in alerts() if alert["alert"] == name]
    named = "".join(f',{label}!=""' for label in sorted(set(re.findall(r"\$labels\.(\w+)", summary))))
    here = f',namespace="{next(iter(targets.values()))[0].get("namespace", "")}"'
    return [
        _test(bad + around, end, {f"count({firing}{named}{here}}})": case.fires, f"count({firing}}})": case.fires}),
        _test(good + around, end, {f"count({firing}}})": None}),
    ]


def samples_of(
    samples: Samples, targets: dict[str, list[Labels]], number: int, losing: Case | None = None
) -> list[Any]:
    def values(job: str, replica: int, each: str) -> str:
        is_lost = losing is not None and job in losing.gone and (losing.all_replicas or replica == 0)
        return f"{each}x{number - GONE_FOR} stale" if is_lost else f"{each}x{number}"

    return [
        {"series": series(metric, labels), "values": values(job, replica, each)}
        for job, by_metric in samples.items()
        for metric, each in by_metric.items()
        for replica, labels in enumerate(targets[job])
    ]


def _test(input_series: list[Any], end: str, expected: dict[str, int | None]) -> Any:
    return {
        "interval": f"{STEP_S}s",
        "input_series": input_series,
        "promql_expr_test": [
            {
                "expr": expression,
                "eval_time": end,
                "exp_samples": [] if value is None else [{"labels": "{}", "value": value}],
            }
            for expression, value in expected.items()
        ],
    }


def promtool(folder: Path, tests: dict[str, list[Any]]) -> None:
    """Runs the tests of each alert on that alert alone, and on what is recorded for all: the more rules, the longer."""
    recorded = [rule for rule in rules() if "record" in rule]
    for alert in alerts():
        name = alert["alert"]
        groups = {"groups": [{"name": "recorded", "rules": recorded}, {"name": name, "rules": [alert]}]}
        (folder / f"{name}.rules.yml").write_text(yaml.safe_dump(groups))
        file = {"rule_files": [f"{name}.rules.yml"], "evaluation_interval": f"{STEP_S}s", "tests": tests[name]}
        (folder / f"{name}.test.yml").write_text(yaml.safe_dump(file))

    hold(folder, *(f"{name}.test.yml" for name in tests))

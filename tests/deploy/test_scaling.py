"""Autoscalers' targets and limits follow from what a request costs, and what they scale on is there to be seen.

docs/performance.md has the CPU of every process for each kind of work. PostgreSQL's primary is what bounds all: more
replicas than it can serve would wait for it.
"""

import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from gateway.settings import GatewaySettings
from task_writer.settings import WriterSettings

from tests.observability.promtool import NEEDS_PROMETHEUS, hold
from tests.observability.targets import kubernetes_targets, series

from .dockerfile import ROOT
from .manifests import Manifest, container, name_of, needs_kustomize, of_kind, rendered
from .quantities import quantity

pytestmark = needs_kustomize

PRODUCTION = "overlays/production"
BUSY = 0.6
"""How busy a core may be: docs/performance.md, "Capacity, on paper"."""
SERVICES = ("gateway", "task-reader", "task-writer")
FROM_MEMORY = "GET list of 1,000"
"""Unchanged lists: PostgreSQL says their revision and no more, so it bounds no number of gateways for them."""
SPARE = 1.5
"""How many times the computed replicas there may be: costs are measured anew, by a tenth more or less."""
CONNECTIONS_LEFT = 20
"""For migrations, the operator, its exporter and a person: of `max_connections`."""


def costs_ms(work: str = "") -> list[dict[str, float]]:
    """CPU per request of each process, for each kind of PostgreSQL's work for many clients whose name begins so."""
    page = (ROOT / "docs" / "performance.md").read_text()
    section = page.partition("\n## What bounds it\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("| ")]
    columns = (*SERVICES, "RabbitMQ", "PostgreSQL")
    found = [
        {name: float(cell) for name, cell in zip(columns, cells, strict=False) if cell}
        for kind, *cells in rows[1:]
        if kind.startswith(work) and not kind.startswith(FROM_MEMORY) and not kind.endswith(" 1 connection")
    ]
    assert found
    return found


def the(kind: str, name: str) -> Manifest:
    (found,) = [one for one in of_kind(rendered(PRODUCTION), kind) if name_of(one) == name]
    return found


def postgres_cores() -> float:
    return quantity(the("Cluster", "postgres")["spec"]["resources"]["limits"]["cpu"])


def most(service: str) -> int:
    """How many there may be at most."""
    if service == "task-writer":
        return int(the("ScaledObject", service)["spec"]["maxReplicaCount"])
    return int(the("HorizontalPodAutoscaler", service)["spec"]["maxReplicas"])


@pytest.mark.parametrize("service", SERVICES)
def test_there_are_as_many_at_most_as_postgresql_can_keep_busy(service: str) -> None:
    wanted = [
        postgres_cores() * BUSY / costs["PostgreSQL"] * costs[service] / BUSY
        for costs in costs_ms()
        if service in costs
    ]

    assert max(wanted) <= most(service) <= math.ceil(SPARE * max(wanted))


def test_the_base_has_the_same_limits() -> None:
    by_cpu = {name_of(one): one["spec"]["maxReplicas"] for one in of_kind(rendered("base"), "HorizontalPodAutoscaler")}

    assert by_cpu == {service: most(service) for service in SERVICES}


@pytest.mark.parametrize("service", SERVICES)
def test_the_target_is_a_share_of_the_one_core_that_a_process_can_use(service: str) -> None:
    """Of a core, and not of the request: 70 % of 200m would be a seventh of what it can do."""
    (autoscaler,) = [one for one in of_kind(rendered("base"), "HorizontalPodAutoscaler") if name_of(one) == service]
    (workload,) = [one for one in of_kind(rendered("base"), "Deployment") if name_of(one) == service]
    (metric,) = autoscaler["spec"]["metrics"]
    resources = container(workload)["resources"]

    assert metric["resource"] == {"name": "cpu", "target": {"type": "AverageValue", "averageValue": "600m"}}
    assert quantity("600m") == BUSY * quantity(resources["limits"]["cpu"])
    assert resources["requests"]["cpu"] == "600m"


def test_rabbitmq_carries_the_writes_that_postgresql_can() -> None:
    (spec,) = [one["spec"] for one in of_kind(rendered(PRODUCTION), "RabbitmqCluster")]
    writes_per_ms = postgres_cores() * BUSY / costs_ms("POST, 128")[0]["PostgreSQL"]

    wanted = writes_per_ms * costs_ms("POST, 128")[0]["RabbitMQ"] / BUSY

    assert wanted <= spec["replicas"] * quantity(spec["resources"]["limits"]["cpu"])


def test_all_pools_together_fit_postgresqls_connections() -> None:
    parameters = the("Cluster", "postgres")["spec"]["postgresql"]["parameters"]
    processes = sum(most(service) + 1 for service in ("task-reader", "task-writer"))  # one more while one is replaced

    connections = processes * WriterSettings.model_fields["pool_size"].default + CONNECTIONS_LEFT

    assert connections <= int(parameters["max_connections"])


def triggers() -> dict[str, Any]:
    return {trigger["name"]: trigger for trigger in the("ScaledObject", "task-writer")["spec"]["triggers"]}


def test_task_writers_are_scaled_by_values_that_are_not_shared_out() -> None:
    assert {name: trigger["metricType"] for name, trigger in triggers().items()} == {
        "waiting": "Value",
        "queue-time": "Value",
        "cpu": "AverageValue",
    }
    assert triggers()["waiting"]["metadata"]["threshold"] == str(GatewaySettings.model_fields["bus_max_batch"].default)
    assert (
        float(triggers()["queue-time"]["metadata"]["threshold"])
        < GatewaySettings.model_fields["write_deadline_s"].default
    )


def test_the_address_of_prometheus_is_the_overlays() -> None:
    (cluster,) = yaml.safe_load_all(
        (ROOT / "deploy" / "kubernetes" / "overlays" / "production" / "cluster.yaml").read_text()
    )

    assert {
        trigger["metadata"]["serverAddress"] for trigger in triggers().values() if trigger["type"] == "prometheus"
    } == {cluster["data"]["prometheus"]}
    assert [one for one in of_kind(rendered(PRODUCTION), "ConfigMap") if name_of(one) == "cluster"] == []


@NEEDS_PROMETHEUS
def test_the_queries_see_this_installation_alone_and_have_a_value_without_traffic(tmp_path: Path) -> None:
    targets = kubernetes_targets(PRODUCTION)
    gateways, writers = targets["gateway"], targets["task-writer"]
    foreign = [labels | {"namespace": "staging"} for labels in gateways]
    waiting, bucket = 'taskwire_waiting{lane="commands"}', 'taskwire_queue_seconds_bucket{{le="{}"}}'
    busy = [
        *((waiting, labels, "200x10") for labels in gateways),
        *((waiting, labels, "4000x10") for labels in foreign),
        *(
            (bucket.format(le), labels, f"0+{n}x10")
            for labels in writers
            for le, n in (("0.5", 10), ("1", 100), ("+Inf", 100))
        ),
    ]
    idle = [
        *((waiting, labels, "0x10") for labels in gateways),
        *((bucket.format(le), labels, "5x10") for labels in writers for le in ("0.5", "1", "+Inf")),
    ]
    queries = {name: one["metadata"]["query"] for name, one in triggers().items() if one["type"] == "prometheus"}
    tests = [
        _test(idle, {queries["waiting"]: 0, queries["queue-time"]: 0}),
        _test(busy, {queries["waiting"]: 200, f"({queries['queue-time']}) > bool 0.5": 1}),
    ]
    (tmp_path / "test.yml").write_text(yaml.safe_dump({"tests": tests}))

    hold(tmp_path, "test.yml")


def _test(samples: list[tuple[str, dict[str, str], str]], expected: dict[str, float]) -> Any:
    return {
        "interval": "15s",
        "input_series": [{"series": series(metric, labels), "values": values} for metric, labels, values in samples],
        "promql_expr_test": [
            {"expr": expression, "eval_time": "2m", "exp_samples": [{"labels": "{}", "value": value}]}
            for expression, value in expected.items()
        ],
    }

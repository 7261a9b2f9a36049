"""Who may talk to whom, by the network policies that apply to both ends; and nobody else."""

import pytest

from .manifests import OVERLAYS, needs_kustomize
from .network import (
    CNPG_OPERATOR,
    COLLECTOR,
    DNS,
    INTERNET,
    KEDA,
    PROMETHEUS,
    RABBITMQ_OPERATOR,
    STRANGER,
    Elsewhere,
    allows,
    pods,
)
from .operators import Pods

pytestmark = needs_kustomize

PRODUCTION = "overlays/production"
SERVICES = ("gateway", "task-reader", "task-writer")
ELSEWHERE: dict[str, Elsewhere] = {
    "Prometheus": PROMETHEUS,
    "the collector": COLLECTOR,
    "CloudNativePG": CNPG_OPERATOR,
    "RabbitMQ's operator": RABBITMQ_OPERATOR,
    "KEDA": KEDA,
    "DNS": DNS,
    "a stranger": STRANGER,
    "the internet": INTERNET,
}

IN_EVERY_OVERLAY = [
    ("the internet", "gateway", 8000),
    ("gateway", "task-reader", 8001),
    *(("Prometheus", service, port) for service, port in zip(SERVICES, (9000, 9001, 9002), strict=True)),
    *((service, "the collector", 4318) for service in SERVICES),
    *((service, "DNS", 53) for service in (*SERVICES, "migrate")),
]
IN_PRODUCTION = [
    *((service, "postgres", 5432) for service in ("task-reader", "task-writer", "migrate")),
    *((service, "postgres-pooler-rw", 5432) for service in ("task-reader", "task-writer")),
    ("postgres-pooler-rw", "postgres", 5432),
    *(("postgres", "postgres", port) for port in (5432, 8000)),
    *(("CloudNativePG", "postgres", port) for port in (5432, 8000)),
    ("Prometheus", "postgres", 9187),
    ("Prometheus", "postgres-pooler-rw", 9127),
    *((service, "rabbitmq-server", port) for service in ("gateway", "task-writer") for port in (5671, 5672)),
    *(("rabbitmq-server", "rabbitmq-server", port) for port in (4369, 25672)),
    ("RabbitMQ's operator", "rabbitmq-server", 15672),
    ("Prometheus", "rabbitmq-server", 15692),
    *((server, "the internet", 443) for server in ("postgres", "rabbitmq-server", "postgres-pooler-rw")),  # API server
]
REFUSED = [
    *((service, "the internet", 443) for service in (*SERVICES, "migrate")),
    ("gateway", "postgres", 5432),
    ("task-reader", "rabbitmq-server", 5672),
    ("task-reader", "gateway", 8000),
    ("task-writer", "task-reader", 8001),
    ("migrate", "postgres-pooler-rw", 5432),
    ("a stranger", "task-reader", 8001),
    ("a stranger", "gateway", 9000),
    ("a stranger", "postgres", 5432),
    ("a stranger", "rabbitmq-server", 5672),
    ("KEDA", "rabbitmq-server", 5672),
    ("Prometheus", "postgres", 5432),
    ("Prometheus", "rabbitmq-server", 5672),
    ("RabbitMQ's operator", "rabbitmq-server", 5672),
    ("the internet", "postgres", 8000),
]


def end(overlay: str, name: str) -> Pods | Elsewhere:
    return ELSEWHERE.get(name) or pods(overlay, name)


@pytest.mark.parametrize("overlay", [f"overlays/{name}" for name in OVERLAYS])
@pytest.mark.parametrize(("source", "target", "port"), IN_EVERY_OVERLAY)
def test_what_every_installation_needs_is_allowed(overlay: str, source: str, target: str, port: int) -> None:
    # Clients come through the API of Kubernetes as any address: the gateway's policy names none.
    assert allows(overlay, end(overlay, source), end(overlay, target), port)


@pytest.mark.parametrize(("source", "target", "port"), IN_PRODUCTION)
def test_what_clusters_and_operators_need_is_allowed(source: str, target: str, port: int) -> None:
    assert allows(PRODUCTION, end(PRODUCTION, source), end(PRODUCTION, target), port)


@pytest.mark.parametrize(("source", "target", "port"), REFUSED)
def test_nothing_else_is(source: str, target: str, port: int) -> None:
    assert not allows(PRODUCTION, end(PRODUCTION, source), end(PRODUCTION, target), port)


@pytest.mark.parametrize("overlay", ["overlays/local", "overlays/neon"])
def test_prometheus_reaches_the_one_rabbitmq(overlay: str) -> None:
    assert allows(overlay, PROMETHEUS, pods(overlay, "rabbitmq"), 15692)

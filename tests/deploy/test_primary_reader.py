"""The component `primary-reader`: a task-reader that gets from the gateways what the others cannot answer."""

import pytest
from task_reader.settings import ReaderSettings

from .manifests import COMPLETE, Manifest, container, name_of, needs_kustomize, of_kind, pod_labels, rendered, selects
from .network import COLLECTOR, PROMETHEUS, STRANGER, Elsewhere, allows, pods
from .operators import Pods
from .test_scaling import CONNECTIONS_LEFT, most, the

pytestmark = needs_kustomize

NAME = "primary-reader"
KINDS = ("ServiceAccount", "Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler")


def named(name: str, kind: str) -> Manifest:
    (found,) = [one for one in of_kind(rendered(COMPLETE), kind) if name_of(one) == name]
    return found


def renamed(value: object) -> object:
    """As it would be of a task-reader."""
    match value:
        case dict():
            return {key: renamed(one) for key, one in value.items()}
        case list():
            return [renamed(one) for one in value]
        case str():
            return value.replace(NAME, "task-reader")
    return value


@pytest.mark.parametrize("kind", KINDS)
def test_it_differs_from_the_others_in_name_and_database_alone(kind: str) -> None:
    assert renamed(named(NAME, kind)) == named("task-reader", kind)


def test_its_database_is_its_own() -> None:
    (variable,) = container(named(NAME, "Deployment"))["env"]

    assert variable["valueFrom"]["secretKeyRef"] == {"name": "primary-reader-secrets", "key": "READER_DATABASE_URL"}


def test_the_gateways_know_it_and_it_gets_nothing_of_what_is_for_the_others() -> None:
    gateway, reader = named("gateway", "Deployment"), named(NAME, "Deployment")
    port = named(NAME, "Service")["spec"]["ports"][0]["port"]

    assert {"name": "READER_PRIMARY_URL", "value": f"http://{NAME}:{port}"} in container(gateway)["env"]
    assert not selects({"matchLabels": named("task-reader", "Service")["spec"]["selector"]}, pod_labels(reader))


def reader() -> Pods:
    return pods(COMPLETE, NAME)


def test_gateways_and_prometheus_reach_it_and_nobody_else() -> None:
    gateways, writers = pods(COMPLETE, "gateway"), pods(COMPLETE, "task-writer")
    reached: list[tuple[Pods | Elsewhere, int]] = [(gateways, 8001), (PROMETHEUS, 9001)]
    refused: list[tuple[Pods | Elsewhere, int]] = [(STRANGER, 8001), (writers, 8001), (STRANGER, 9001)]

    assert [port for source, port in reached if not allows(COMPLETE, source, reader(), port)] == []
    assert [port for source, port in refused if allows(COMPLETE, source, reader(), port)] == []


def test_it_reaches_postgresql_its_pooler_and_the_collector_and_nothing_else() -> None:
    reached = [(pods(COMPLETE, name), 5432) for name in ("postgres", "postgres-pooler-rw")]

    assert [one.name for one, port in reached if not allows(COMPLETE, reader(), one, port)] == []
    assert allows(COMPLETE, reader(), COLLECTOR, 4318)
    assert not allows(COMPLETE, reader(), pods(COMPLETE, "rabbitmq-server"), 5672)


def test_its_connections_fit_the_primarys_with_all_others_there_too() -> None:
    """As where no standby is left: then the other readers are on the primary as well."""
    parameters = the("Cluster", "postgres")["spec"]["postgresql"]["parameters"]
    scaler = named(NAME, "HorizontalPodAutoscaler")["spec"]
    processes = sum(number + 1 for number in (most("task-reader"), most("task-writer"), scaler["maxReplicas"]))

    assert processes * ReaderSettings.model_fields["pool_size"].default + CONNECTIONS_LEFT <= int(
        parameters["max_connections"]
    )

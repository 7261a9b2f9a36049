"""What the operators make of their own kinds, as far as the manifests have to fit it.

From their documentation: CloudNativePG's pods have the label `cnpg.io/cluster` and ports 5432, 8000 (state) and 9187
(metrics), its poolers that label too, and 9127; RabbitMQ's have `app.kubernetes.io/name` with the cluster's name, and a
Service of that name and labels.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from .manifests import Manifest, name_of, of_kind, pod, pod_labels


@dataclass(frozen=True)
class Pods:
    """The pods of one workload: their labels, their ports by name, and the container that has those."""

    name: str
    namespace: str
    labels: dict[str, str]
    ports: dict[str, int]
    container: str
    service: dict[str, str] | None = None
    """The labels of the Service before them that has the same ports, if an operator makes one."""


def all_pods(manifests: list[Manifest]) -> Iterator[Pods]:
    """The pods of every workload and of every operator's cluster."""
    for workload in of_kind(manifests, "Deployment", "StatefulSet", "Job"):
        (container,) = pod(workload)["containers"]
        ports = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
        namespace = workload["metadata"].get("namespace", "")
        yield Pods(name_of(workload), namespace, pod_labels(workload), ports, container["name"])
    for manifest in of_kind(manifests, *OF_OPERATORS):
        yield OF_OPERATORS[manifest["kind"]](manifest)


def _instances(cluster: Manifest) -> Pods:
    labels = {"cnpg.io/cluster": name_of(cluster), "cnpg.io/podRole": "instance"}
    ports = {"postgresql": 5432, "status": 8000, "metrics": 9187}
    return Pods(name_of(cluster), cluster["metadata"]["namespace"], labels, ports, "postgres")


def _poolers(pooler: Manifest) -> Pods:
    """Labels of the template with one of these names are overwritten (CloudNativePG, pkg/specs/pgbouncer)."""
    labels = {
        "cnpg.io/poolerName": name_of(pooler),
        "cnpg.io/cluster": pooler["spec"]["cluster"]["name"],
        "cnpg.io/podRole": "pooler",
        "app.kubernetes.io/name": "postgresql",
    }
    return Pods(
        name_of(pooler), pooler["metadata"]["namespace"], labels, {"pgbouncer": 5432, "metrics": 9127}, "pgbouncer"
    )


def _nodes(cluster: Manifest) -> Pods:
    labels = {
        "app.kubernetes.io/name": name_of(cluster),
        "app.kubernetes.io/component": "rabbitmq",
        "app.kubernetes.io/part-of": "rabbitmq",
    }
    ports = {"amqp": 5672, "amqps": 5671, "management": 15672, "prometheus": 15692, "clustering": 25672, "epmd": 4369}
    return Pods(
        f"{name_of(cluster)}-server", cluster["metadata"]["namespace"], labels, ports, "rabbitmq", service=labels
    )


OF_OPERATORS = {"Cluster": _instances, "Pooler": _poolers, "RabbitmqCluster": _nodes}

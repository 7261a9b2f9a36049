"""The labels that Prometheus gives to what it scrapes from us, in Docker Compose and on Kubernetes.

On Kubernetes they are computed from the rendered manifests as the Prometheus Operator's configuration has them (its
documentation of PodMonitor and ServiceMonitor): namespace, pod, container and endpoint of the target, `job` from
`jobLabel`, what `relabelings` set, and of a ServiceMonitor the service.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from tests.deploy.dockerfile import ROOT
from tests.deploy.manifests import Manifest, name_of, of_kind, rendered, selects
from tests.deploy.operators import Pods, all_pods

type Labels = dict[str, str]

PROMETHEUS_YML = ROOT / "deploy" / "observability" / "prometheus.yml"
REPLICAS = 2


def compose_targets() -> dict[str, list[Labels]]:
    """The labels of two replicas of each job of prometheus.yml."""
    jobs = yaml.safe_load(PROMETHEUS_YML.read_text())["scrape_configs"]
    return {job["job_name"]: [_compose_target(job, number) for number in range(REPLICAS)] for job in jobs}


def _compose_target(job: Manifest, number: int) -> Labels:
    (found,) = job["dns_sd_configs"]
    replaced = {one["target_label"]: one["replacement"] for one in job.get("relabel_configs", [])}
    return {"job": job["job_name"], "instance": f"10.0.0.{number}:{found['port']}"} | replaced


def kubernetes_targets(overlay: str) -> dict[str, list[Labels]]:
    """The labels of two replicas of each job, by job."""
    found: dict[str, list[Labels]] = {}
    for labels in _targets(rendered(overlay)):
        found.setdefault(labels["job"], []).append(labels)
    return found


def _targets(manifests: list[Manifest]) -> Iterator[Labels]:
    workloads = list(all_pods(manifests))
    for monitor in of_kind(manifests, "PodMonitor"):
        for pods in workloads:
            if selects(monitor["spec"]["selector"], pods.labels):
                for endpoint in monitor["spec"]["podMetricsEndpoints"]:
                    yield from _replicas_of(monitor, endpoint, pods, pods.labels)
    for monitor in of_kind(manifests, "ServiceMonitor"):
        for pods in workloads:
            if pods.service is not None and selects(monitor["spec"]["selector"], pods.service):
                for endpoint in monitor["spec"]["endpoints"]:
                    for labels in _replicas_of(monitor, endpoint, pods, pods.service):
                        yield labels | {"service": monitor["metadata"]["name"]}


def _replicas_of(monitor: Manifest, endpoint: Manifest, pods: Pods, own: Labels) -> Iterator[Labels]:
    """The target of each pod; `own` are the labels that `jobLabel` is one of."""
    port = pods.ports[endpoint["port"]]
    job = own.get(monitor["spec"].get("jobLabel"), f"{monitor['metadata']['namespace']}/{name_of(monitor)}")
    for number in range(REPLICAS):
        found = {
            "namespace": pods.namespace,
            "pod": f"{pods.name}-{number}",
            "container": pods.container,
            "endpoint": endpoint["port"],
            "job": job,
            "instance": f"10.1.0.{number}:{port}",
        }
        yield found | relabelled(endpoint.get("relabelings", []))


def relabelled(relabelings: list[Any]) -> Labels:
    """What relabelings set to a constant: the only kind that the manifests have."""
    assert all(set(one) == {"targetLabel", "replacement"} for one in relabelings), relabelings
    return {one["targetLabel"]: one["replacement"] for one in relabelings}


def series(metric: str, labels: Labels) -> str:
    """A metric of a target, as a rule test names it. `metric` may have labels of its own."""
    name, _, own = metric.partition("{")
    pairs = [*re.findall(r'\w+="[^"]*"', own), *(f'{key}="{value}"' for key, value in sorted(labels.items()))]
    return f"{name}{{{','.join(pairs)}}}"

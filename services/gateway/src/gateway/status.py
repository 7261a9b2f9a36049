"""The status page of the admin port: health and throughput, from the metrics of this gateway."""

import json
import time
from collections.abc import Iterable
from importlib.metadata import version
from math import isinf
from pathlib import Path

from common.bus.topology import COMMANDS_NAME, DEAD_LETTERS_NAME
from common.http.request_metrics import REQUEST_SECONDS
from common.observability.admin import AdminAnswer, AdminRoutes
from common.observability.health import Health
from prometheus_client import Gauge, Histogram
from prometheus_client.samples import Sample

from gateway.metrics import BATCH_ITEMS, QUEUE_CONSUMERS, QUEUE_MESSAGES, WAITING

PAGE = Path(__file__).parent / "static" / "status.html"
LANES = {"reads": {"finds", "lists", "pages", "searches", "changes"}, "writes": {"commands", "batches"}}


def status_routes(health: Health) -> AdminRoutes:
    """The page at `/`, and the JSON that it polls once a second. It costs nothing while it is not open."""

    async def response() -> AdminAnswer:
        return AdminAnswer(PAGE.read_bytes(), "text/html; charset=utf-8")

    async def status() -> AdminAnswer:
        ready, components = await health.look()
        status_now = {
            "time": time.time(),
            "version": version(health.service),
            "ready": ready,
            "components": components,
            "queue": {
                "messages": _queue_count(QUEUE_MESSAGES, COMMANDS_NAME),
                "consumers": _queue_count(QUEUE_CONSUMERS, COMMANDS_NAME),
                "dead_letters": _queue_count(QUEUE_MESSAGES, DEAD_LETTERS_NAME),
            },
            **{kind: _counters(kind) for kind in LANES},
        }
        return AdminAnswer(json.dumps(status_now).encode(), "application/json")

    return {"/": response, "/status.json": status}


def _counters(kind: str) -> dict[str, object]:
    """Counters of reads or writes since startup; `latency` has cumulative counts by upper bound in seconds."""
    requests = [one for one in _samples(REQUEST_SECONDS) if _kind(one) == kind]
    lanes = [one for one in _samples(BATCH_ITEMS) + _samples(WAITING) if one.labels["lane"] in LANES[kind]]
    return {
        "requests": _sum(requests, "_count"),
        "failed": _sum((one for one in requests if one.labels["status"] >= "5"), "_count"),
        "latency": _buckets(requests),
        "batches": _sum(lanes, "_count"),
        "items": _sum(lanes, "_sum"),
        "waiting": _sum(lanes, "taskwire_waiting"),
    }


def _kind(sample: Sample) -> str | None:
    """Only for API requests, not for the documentation."""
    if not sample.labels["route"].startswith("/api/"):
        return None
    return "reads" if sample.labels["method"] == "GET" else "writes"


def _samples(metric: Histogram | Gauge) -> list[Sample]:
    return [sample for family in metric.collect() for sample in family.samples]


def _sum(samples: Iterable[Sample], ending: str) -> float:
    return sum(one.value for one in samples if one.name.endswith(ending))


def _buckets(requests: Iterable[Sample]) -> list[tuple[float | None, float]]:
    """Each upper bound with its count; None stands for infinity, which JSON cannot express."""
    counts: dict[float, float] = {}
    for one in requests:
        if one.name.endswith("_bucket"):
            bound = float(one.labels["le"])
            counts[bound] = counts.get(bound, 0) + one.value
    return [(None if isinf(bound) else bound, counts[bound]) for bound in sorted(counts)]


def _queue_count(gauge: Gauge, queue: str) -> float | None:
    """None when RabbitMQ cannot be asked or the queue does not exist."""
    return next((one.value for one in _samples(gauge) if one.labels["queue"] == queue), None)

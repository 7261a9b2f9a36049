"""Samples of this gateway's counters, for the status page: one now, and those of the last two minutes."""

import asyncio
import json
import time
from collections import deque
from collections.abc import Iterable
from math import isinf

from common.bus.topology import COMMANDS_NAME, DEAD_LETTERS_NAME
from common.http.request_metrics import REQUEST_SECONDS
from prometheus_client import Gauge, Histogram
from prometheus_client.samples import Sample

from gateway.metrics import BATCH_ITEMS, QUEUE_CONSUMERS, QUEUE_MESSAGES, WAITING

LANES = {"reads": {"finds", "lists", "pages", "searches", "changes"}, "writes": {"commands", "batches"}}
EVERY_S = 5.0  # a sample takes 0.1 ms of the event loop for each combination of labels
KEPT = 24


class History:
    """The samples of the last two minutes as JSON, about 1 KB each, so that the page does not open empty."""

    def __init__(self) -> None:
        self._samples = deque[str](maxlen=KEPT)

    def add(self) -> None:
        """Takes a sample now."""
        self._samples.append(json.dumps(sample(), separators=(",", ":")))

    def as_json(self) -> bytes:
        """A JSON array, the oldest first."""
        return f"[{','.join(self._samples)}]".encode()

    async def keep_sampling(self) -> None:
        """Takes a sample every EVERY_S, for ever."""
        while True:
            self.add()
            await asyncio.sleep(EVERY_S)


def sample() -> dict[str, object]:
    """The counters of reads and writes since startup, and what the queues have now; `time` is in seconds since 1970."""
    return {
        "time": time.time(),
        "queue": {
            "messages": _queue_count(QUEUE_MESSAGES, COMMANDS_NAME),
            "consumers": _queue_count(QUEUE_CONSUMERS, COMMANDS_NAME),
            "dead_letters": _queue_count(QUEUE_MESSAGES, DEAD_LETTERS_NAME),
        },
        **_counters(),
    }


def _counters() -> dict[str, object]:
    """`latency` has cumulative counts by upper bound in seconds."""
    requests, lanes = _samples(REQUEST_SECONDS), _samples(BATCH_ITEMS) + _samples(WAITING)
    return {
        kind: _counters_of(
            [one for one in requests if _kind(one) == kind], [one for one in lanes if one.labels["lane"] in LANES[kind]]
        )
        for kind in LANES
    }


def _counters_of(requests: list[Sample], lanes: list[Sample]) -> dict[str, object]:
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

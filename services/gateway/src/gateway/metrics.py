"""What Prometheus learns of the gateway beside its requests."""

from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter

from prometheus_client import Counter, Gauge, Histogram

from gateway.batching import Batcher

type Send[Item, Answer] = Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]]

SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)

BATCH_ITEMS = Histogram("taskwire_batch_items", "Commands or reads that left in one batch", ["lane"], buckets=SIZES)
BATCH_SECONDS = Histogram(
    "taskwire_batch_seconds",
    "From a batch's leaving until its answer: of commands, the time in the bus and in the task-writer",
    ["lane"],
    buckets=SECONDS,
)
IN_FLIGHT = Gauge("taskwire_batches_in_flight", "Batches that hold a slot", ["lane"])
WAITING = Gauge("taskwire_waiting", "Commands or reads that wait for a slot", ["lane"])

WRITES_FAILED = Counter(
    "taskwire_writes_failed", "Writes that were answered with another outcome than done or not_found", ["outcome"]
)
LATE_REPLIES = Counter("taskwire_late_replies", "Replies whose batch was not waited for any more")
CLOCK_SKEW = Gauge(
    "taskwire_database_clock_skew_seconds",
    "How far PostgreSQL's clock is ahead of this gateway's for certain; behind: below 0",
)
BAD_REPLIES = Counter("taskwire_bad_replies", "Replies that name no batch, cannot be read or do not fit their batch")

for _outcome in ("refused", "expired", "unknown", "key_reused"):
    WRITES_FAILED.labels(_outcome)  # at 0: Prometheus sees no increase from nothing to 1

QUEUE_MESSAGES = Gauge("taskwire_queue_messages", "Messages that wait in a queue of RabbitMQ", ["queue"])
QUEUE_CONSUMERS = Gauge("taskwire_queue_consumers", "Consumers of a queue of RabbitMQ", ["queue"])


def measured[Item, Answer](lane: str, send: Send[Item, Answer]) -> Send[Item, Answer]:
    """`send`, whose batches are counted and timed."""
    observe_items, observe_seconds = BATCH_ITEMS.labels(lane).observe, BATCH_SECONDS.labels(lane).observe

    async def sending(batch: Sequence[Item]) -> Sequence[Answer]:
        observe_items(len(batch))
        began = perf_counter()
        try:
            return await send(batch)
        finally:
            observe_seconds(perf_counter() - began)

    return sending


def show_lane[Item, Answer](lane: str, batcher: Batcher[Item, Answer]) -> None:
    """Lets the gauges read the lane's counts whenever Prometheus asks."""
    IN_FLIGHT.labels(lane).set_function(lambda: batcher.in_flight)
    WAITING.labels(lane).set_function(lambda: batcher.waiting)

"""Prometheus metrics of the gateway beside HTTP requests."""

from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter

from prometheus_client import Counter, Gauge, Histogram

from gateway.batching import Batcher

type Send[Item, Answer] = Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]]

SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3)  # the last are the limits of an answer

BATCH_ITEMS = Histogram("taskwire_batch_items", "Commands or reads in a batch", ["lane"], buckets=SIZES)
BATCH_SECONDS = Histogram(
    "taskwire_batch_seconds",
    "Round-trip time of a batch; for commands, the time in RabbitMQ and in the task-writer",
    ["lane"],
    buckets=SECONDS,
)
IN_FLIGHT = Gauge("taskwire_batches_in_flight", "Batches in flight", ["lane"])
WAITING = Gauge("taskwire_waiting", "Commands or reads waiting for a batch", ["lane"])

WRITES_FAILED = Counter("taskwire_writes_failed", "Writes with an outcome other than done or not_found", ["outcome"])
LATE_REPLIES = Counter("taskwire_late_replies", "Replies that arrived after their batch's deadline")
CLOCK_SKEW = Gauge(
    "taskwire_database_clock_skew_seconds",
    "Minimum by which PostgreSQL's clock is ahead of this gateway's; negative: behind",
)
BAD_REPLIES = Counter(
    "taskwire_bad_replies", "Replies without a batch, unreadable, or with the wrong number of outcomes"
)

for _outcome in ("refused", "expired", "unknown", "key_reused"):
    WRITES_FAILED.labels(_outcome)  # at 0: Prometheus sees no increase when a series starts at 1

EVENT_STREAMS = Gauge("taskwire_event_streams", "Open event streams")
EVENTS_SENT = Counter("taskwire_events_sent", "Events sent: changes, or reset where changes cannot be told", ["event"])
STREAMS_ENDED = Counter("taskwire_event_streams_ended", "Event streams that have ended, and why", ["reason"])
HINTS_RECEIVED = Counter(
    "taskwire_hints_received",
    "Hints of changes: used, unused when nobody listens here to its users, or bad",
    ["result"],
)
HINTS_CONNECTED = Gauge("taskwire_hints_connected", "1 while this gateway hears hints; 0 without event streams, too")

for _event in ("changes", "reset"):
    EVENTS_SENT.labels(_event)
for _reason in ("disconnected", "expired", "drained"):
    STREAMS_ENDED.labels(_reason)
for _result in ("used", "unused", "bad"):
    HINTS_RECEIVED.labels(_result)

QUEUE_MESSAGES = Gauge("taskwire_queue_messages", "Messages ready in a RabbitMQ queue", ["queue"])
QUEUE_CONSUMERS = Gauge("taskwire_queue_consumers", "Consumers of a RabbitMQ queue", ["queue"])


def measured[Item, Answer](
    lane: str, send: Send[Item, Answer], items_in: Callable[[Sequence[Item]], int] = len
) -> Send[Item, Answer]:
    """Wraps `send` to count and time its batches; `items_in` says how many commands or reads one has."""
    observe_items, observe_seconds = BATCH_ITEMS.labels(lane).observe, BATCH_SECONDS.labels(lane).observe

    async def sending(batch: Sequence[Item]) -> Sequence[Answer]:
        observe_items(items_in(batch))
        began = perf_counter()
        try:
            return await send(batch)
        finally:
            observe_seconds(perf_counter() - began)

    return sending


def show_lane[Item, Answer](lane: str, batcher: Batcher[Item, Answer]) -> None:
    """Binds the gauges to the lane's counts, read at each scrape."""
    IN_FLIGHT.labels(lane).set_function(lambda: batcher.in_flight)
    WAITING.labels(lane).set_function(lambda: batcher.waiting)

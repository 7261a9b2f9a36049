"""Prometheus metrics of the task-writer."""

from collections import Counter as Tally
from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 60)  # 2: WRITE_DEADLINE_S

COMMANDS = Counter("taskwire_commands", "Commands that the task-writer answered", ["type", "outcome"])
REPEATS = Counter("taskwire_repeats", "Commands that were answered from the command log")
FORGOTTEN = Counter("taskwire_forgotten_commands", "Records that the task-writer deleted from the log, without slots")
EMPTIED_SLOTS = Counter("taskwire_emptied_slots", "Slots of the command log that the task-writer emptied")
CLEANUP_BEHIND = Gauge(
    "taskwire_cleanup_behind",
    "1 while the clean-up of the command log deletes as many records as it may at a time, or an old slot is in use",
)
REDELIVERED = Counter("taskwire_redelivered_batches", "Batches that RabbitMQ redelivered")
DEAD_LETTERS = Counter("taskwire_dead_letters", "Dead letters that the task-writer stored", ["reason"])
for _reason in ("malformed", "poison"):
    DEAD_LETTERS.labels(_reason)  # at 0: Prometheus sees no increase when a series starts at 1

HINTS = Counter("taskwire_hints", "Hints of changes for gateways, sent or dropped", ["result"])
HINTS_SENT = HINTS.labels("sent")
HINTS_DROPPED = HINTS.labels("dropped")

BATCH_COMMANDS = Histogram(
    "taskwire_writer_batch_commands", "Commands in a received batch", buckets=(1, 2, 4, 8, 16, 32, 64, 128)
)
QUEUE_SECONDS = Histogram(
    "taskwire_queue_seconds",
    "From sending a batch in the gateway until a task-writer receives it, by the clocks of both hosts",
    buckets=(0.0, *SECONDS),
)
CLOCK_SKEW = Gauge(
    "taskwire_clock_skew_seconds",
    "At most by how much this clock is ahead of the gateways': the least time of a batch in the queue lately",
)
IN_PROGRESS = Gauge("taskwire_batches_in_progress", "Batches in progress")


def count_answers(answers: Iterable[tuple[str, str]]) -> None:
    """Counts the answers to a batch, each given as the type of its command and its status."""
    for (kind, outcome), number in Tally(answers).items():
        COMMANDS.labels(kind, outcome).inc(number)

"""Processes a message: outcomes for the gateway, and dead letters for the operator."""

from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from common.bus.spans import commands_span
from common.contracts.commands import CommandBatch
from common.contracts.outcomes import Outcome
from common.observability.logs import MAX_IDS_IN_A_LINE, log_operation
from common.observability.tracing import trace_id
from common.postgres.database import Database

from task_writer import metrics
from task_writer.batches import Answered, carry_out
from task_writer.consumer.dead_lettering import NewDeadLetter
from task_writer.consumer.delivery import Delivery
from task_writer.consumer.queue_time import observe_queue_time
from task_writer.decoding import Unreadable, UnreadableBatch, read_batch

UNREADABLE = Outcome(status="refused", reason="The task-writer cannot read the command.")
ANSWERS = {"done", "not_found", "key_reused", "precondition_failed"}  # the others are failures
UNREADABLE_AGAIN = Outcome(status="unknown", reason="Another task-writer may have carried out the command.")


@dataclass(frozen=True)
class Processed:
    """A processed message: the `outcomes` of all its commands in order (none when it is not a batch), and the commands
    that the database `answered` in `seconds`. `dead_letters` must be stored before it is acknowledged."""

    outcomes: Sequence[Outcome]
    answered: Sequence[Answered]
    dead_letters: Sequence[NewDeadLetter]
    seconds: float


async def process(database: Database, message: Delivery) -> Processed:
    """Carries out the commands of a message. An exception here is a bug."""
    observe_queue_time(message)
    try:
        read = read_batch(message.body)
    except UnreadableBatch as error:
        return Processed([], [], [NewDeadLetter(message.body, str(error), "malformed")], 0.0)
    metrics.BATCH_COMMANDS.observe(len(read))
    began = perf_counter()

    commands = [one for one in read if not isinstance(one, Unreadable)]
    with commands_span("process", (command.traceparent for command in commands)):
        answered = await carry_out(database, commands, redelivered=message.redelivered)

    dead_letters = [NewDeadLetter(one.body, one.reason, "malformed") for one in read if isinstance(one, Unreadable)]
    dead_letters += [
        NewDeadLetter(CommandBatch(commands=[one.command]).model_dump_json().encode(), one.poison, "poison")
        for one in answered
        if one.poison is not None
    ]
    outcomes = _in_request_order(read, answered, UNREADABLE_AGAIN if message.redelivered else UNREADABLE)
    return Processed(outcomes, answered, dead_letters, perf_counter() - began)


def record(done: Processed) -> None:
    """Counts the outcomes and logs the batch."""
    metrics.count_answers((one.command.type, one.outcome.status) for one in done.answered)
    if done.outcomes:
        _log_batch(done)


def _in_request_order(read: Sequence[object], answered: Sequence[Answered], unreadable: Outcome) -> list[Outcome]:
    outcomes = iter(answered)
    return [unreadable if isinstance(one, Unreadable) else next(outcomes).outcome for one in read]


def _log_batch(done: Processed) -> None:
    """One line, with the ids of some requests: of the failed ones, if any."""
    answered = done.answered
    failed = [one for one in answered if one.outcome.status not in ANSWERS]
    log_operation(
        "batch",
        failed=bool(failed),
        seconds=done.seconds,
        fields=lambda: {
            "outcomes": dict(Tally(one.outcome.status for one in answered)),
            "trace_ids": [trace_id(one.command.traceparent) for one in answered if one.command.traceparent][
                :MAX_IDS_IN_A_LINE
            ]
            or None,
            "request_ids": [one.command.request_id for one in failed or answered][:MAX_IDS_IN_A_LINE],
        },
    )

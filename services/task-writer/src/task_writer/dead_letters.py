"""A dead letter: its commands, its reason, and the messages that replay the commands."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractMessage
from common.contracts.commands import AnyCommand, CommandBatch
from pydantic import ValidationError

FIRST_DEADLINE_HEADER = "x-first-deadline-unix-ms"
"""On a replayed message: the deadline that the gateway gave its command. RabbitMQ keeps the header when it
dead-letters."""

MARGIN_S = 60.0
"""Margin in seconds for the time from a command's creation to its deadline (WRITE_DEADLINE_S), and for clock skew."""

SHORTEST_REPLAY_S = 60.0
"""Time that a task-writer needs, at most, to reach a replayed command."""

_REASONS_OF_RABBITMQ = {
    "delivery_limit": "exceeded the delivery limit: each time the task-writer died or could not finish it",
    "expired": "expired in the queue",
    "maxlen": "met a full queue",
    "rejected": "was rejected",
}


class NotPossible(Exception):
    """The operator's request cannot be carried out; the text says why, and what to do next."""


@dataclass(frozen=True)
class DeadLetter:
    """One message of the dead-letter queue.

    `id` is a digest of the contents: browsing does not change it, and copies of one dead letter share it.
    `dead_lettered_at` is None when neither RabbitMQ nor the sender recorded it. `commands` is None when this release
    cannot read the body.
    """

    id: str
    body: bytes
    headers: Mapping[str, object]
    correlation_id: str | None
    dead_lettered_at: datetime | None
    reason: str
    commands: Sequence[AnyCommand] | None


def read_dead_letter(message: AbstractMessage) -> DeadLetter:
    """Reads any message as a dead letter; raises nothing."""
    return DeadLetter(
        id=_id(message),
        body=message.body,
        headers=message.headers,
        correlation_id=message.correlation_id,
        dead_lettered_at=_dead_lettered_at(message),
        reason=_reason(message.headers),
        commands=_commands(message.body),
    )


@dataclass(frozen=True)
class LogWindow:
    """The period whose records the command log still has: the last `retention_s` seconds, but not before
    `forgotten_until` (Unix time), up to which records may already be deleted.
    """

    retention_s: float
    forgotten_until: float = -math.inf


def safe_until(dead_letter: DeadLetter, window: LogWindow) -> float:
    """Until when (Unix time) the command log certainly has the record of every command here that has taken effect.

    A record is as old as the effect, and no older than the command, whose creation time follows from the deadline that
    the gateway gave it. A command dead-lettered again as poison has a renewed deadline, but had no effect before that.
    A command with a key may have taken effect in an earlier message with the same key. That cannot be known here, and
    its client, too, can repeat it after the retention. Raises NotPossible when the dead letter cannot be read.
    """
    if dead_letter.commands is None:
        raise NotPossible(f"{dead_letter.id} has no readable commands. Look at it with `show`, then discard it.")
    made_at = min(_first_deadline_unix_ms(command, dead_letter) for command in dead_letter.commands) / 1000
    if dead_letter.dead_lettered_at is not None:
        made_at = min(made_at, dead_letter.dead_lettered_at.timestamp())
    until = made_at + window.retention_s - MARGIN_S
    return until if made_at - MARGIN_S >= window.forgotten_until else min(until, window.forgotten_until)


def replay_messages(dead_letter: DeadLetter, window: LogWindow, *, force: bool = False) -> list[Message]:
    """One message for each command, so that a command that kills the task-writer does not affect the others.

    The command ids stay: a command that has taken effect is answered from the command log and changes nothing. The new
    deadline is the end of the safe period, so that a message that waits long is not run when it could take effect
    twice. Nobody reads the reply. Raises NotPossible for a dead letter that cannot be read, and for one that is too old
    unless `force` is given: then a command that has taken effect may do so again.
    """
    run_until = safe_until(dead_letter, window)
    if force:
        run_until = max(run_until, time.time() + window.retention_s)
    elif run_until < time.time() + SHORTEST_REPLAY_S:
        raise NotPossible(
            f"{dead_letter.id} is too old: the command log's records may have been deleted, and its commands could "
            "take effect twice. Compare the tasks with `show`; then discard it, or replay it with --force."
        )
    return [_message(command, dead_letter, run_until) for command in dead_letter.commands or ()]


def _message(command: AnyCommand, dead_letter: DeadLetter, run_until: float) -> Message:
    renewed = command.model_copy(update={"deadline_unix_ms": int(run_until * 1000)})
    return Message(
        CommandBatch(commands=[renewed]).model_dump_json().encode(),
        content_type="application/json",
        correlation_id=dead_letter.correlation_id,
        delivery_mode=DeliveryMode.PERSISTENT,
        headers={FIRST_DEADLINE_HEADER: _first_deadline_unix_ms(command, dead_letter)},
        timestamp=datetime.now(UTC),
    )


def _first_deadline_unix_ms(command: AnyCommand, dead_letter: DeadLetter) -> int:
    original = dead_letter.headers.get(FIRST_DEADLINE_HEADER)
    first = min(command.deadline_unix_ms, original) if isinstance(original, int) else command.deadline_unix_ms
    return max(first, 0)  # a header may hold any number


def _id(message: AbstractMessage) -> str:
    """12 hexadecimal digits. RabbitMQ's own headers are left out: some change with each delivery, or from copy to
    copy."""
    parts = (message.message_id, message.correlation_id, message.timestamp, message.headers.get("x-reason"))
    digest = blake2b(repr(parts).encode(), digest_size=6)
    digest.update(message.body)
    return digest.hexdigest()


def _dead_lettered_at(message: AbstractMessage) -> datetime | None:
    """When RabbitMQ dead-lettered it; else when it was sent, as the task-writer sends its own dead letters itself."""
    moved_at = _death(message.headers).get("time")
    moment = moved_at if isinstance(moved_at, datetime) else message.timestamp
    return moment.astimezone(UTC) if moment is not None else None


def _reason(headers: Mapping[str, object]) -> str:
    reason = headers.get("x-reason")
    if isinstance(reason, str) and reason.startswith("malformed: "):
        return f"cannot be read: {reason.removeprefix('malformed: ').removeprefix(': ')}"
    if isinstance(reason, str):
        return f"PostgreSQL rejected it: {reason}"
    moved = _death(headers).get("reason")
    if isinstance(moved, str):
        return _REASONS_OF_RABBITMQ.get(moved, f"dead-lettered by RabbitMQ: {moved}")
    return "no reason was recorded"


def _death(headers: Mapping[str, object]) -> Mapping[str, object]:
    """RabbitMQ's record of its latest dead-lettering of the message; empty when there is none."""
    deaths = headers.get("x-death")
    latest = deaths[0] if isinstance(deaths, list) and deaths else None
    return latest if isinstance(latest, dict) else {}


def _commands(body: bytes) -> Sequence[AnyCommand] | None:
    try:
        return CommandBatch.model_validate_json(body).commands
    except ValidationError:
        return None

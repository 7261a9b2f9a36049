"""A dead letter: what it holds, why it lies there, and the messages that put its commands to work again."""

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
"""On a replayed message: the deadline that its command had at the gateway. RabbitMQ leaves it on what it moves."""

UNSURE_S = 60.0
"""Seconds before its deadline at which a command may have been made (WRITE_DEADLINE_S), and by which clocks differ."""

SHORTEST_REPLAY_S = 60.0
"""What a task-writer needs, at most, to get to a replayed command."""

_REASONS_OF_RABBITMQ = {
    "delivery_limit": "was delivered too often: each time the task-writer died over it or could not finish it",
    "expired": "waited too long",
    "maxlen": "found the queue full",
    "rejected": "was rejected",
}


class NotPossible(Exception):
    """What the operator wished cannot be done; the text says why, and what to do next."""


@dataclass(frozen=True)
class Letter:
    """One message of the dead-letter queue.

    `id` is made of what the letter holds: it stays when the letter is looked at, and copies of one letter share it.
    `buried_at` is unknown when neither RabbitMQ nor the sender has said it. `commands` are None when the body cannot be
    read by this release.
    """

    id: str
    body: bytes
    headers: Mapping[str, object]
    correlation_id: str | None
    buried_at: datetime | None
    reason: str
    commands: Sequence[AnyCommand] | None


def read_letter(message: AbstractMessage) -> Letter:
    """The letter in a message, whatever the message holds; raises nothing."""
    return Letter(
        id=_id(message),
        body=message.body,
        headers=message.headers,
        correlation_id=message.correlation_id,
        buried_at=_buried_at(message),
        reason=_reason(message.headers),
        commands=_commands(message.body),
    )


@dataclass(frozen=True)
class Memory:
    """What the command log remembers: the records of the last `retention_s` seconds, but none for sure from before
    `forgotten_until` (Unix time), whatever the retention is today.
    """

    retention_s: float
    forgotten_until: float = -math.inf


def remembered_until(letter: Letter, memory: Memory) -> float:
    """Until when (Unix time) the command log surely remembers each command of the letter that has taken effect before.

    A record is as old as the effect, and no older than the command: the deadline that the gateway gave it tells when it
    was made. A command that was buried again as poison has a renewed deadline, but no effect before that burial. One
    with a key may have had its effect in an earlier message of the same key, which nobody can know here: its client can
    repeat it past the retention likewise. Raises NotPossible for a letter that cannot be read.
    """
    if letter.commands is None:
        raise NotPossible(f"{letter.id} holds no commands that can be read. Look at it with `show`, then discard it.")
    made_at = min(_first_deadline_unix_ms(command, letter) for command in letter.commands) / 1000
    if letter.buried_at is not None:
        made_at = min(made_at, letter.buried_at.timestamp())
    until = made_at + memory.retention_s - UNSURE_S
    return until if made_at - UNSURE_S >= memory.forgotten_until else min(until, memory.forgotten_until)


def replay_messages(letter: Letter, memory: Memory, *, force: bool = False) -> list[Message]:
    """One message for each command, so that one that kills the task-writer takes none of the others with it.

    The command ids stay: what has taken effect before is answered from the command log and has no effect again. The new
    deadline is the moment until which the log remembers, so that a message that waits for long is not run when it could
    have a second effect. Nobody waits for the answer. Raises NotPossible for a letter that cannot be read, and for one
    that is too old unless `force` is given: then a command that has taken effect before may do so twice.
    """
    run_until = remembered_until(letter, memory)
    if force:
        run_until = max(run_until, time.time() + memory.retention_s)
    elif run_until < time.time() + SHORTEST_REPLAY_S:
        raise NotPossible(
            f"{letter.id} is too old: the command log may have forgotten whether its commands took effect, and they "
            "could do so twice. Compare the tasks with `show`; then discard it, or replay it with --force."
        )
    return [_message(command, letter, run_until) for command in letter.commands or ()]


def _message(command: AnyCommand, letter: Letter, run_until: float) -> Message:
    renewed = command.model_copy(update={"deadline_unix_ms": int(run_until * 1000)})
    return Message(
        CommandBatch(commands=[renewed]).model_dump_json().encode(),
        content_type="application/json",
        correlation_id=letter.correlation_id,
        delivery_mode=DeliveryMode.PERSISTENT,
        headers={FIRST_DEADLINE_HEADER: _first_deadline_unix_ms(command, letter)},
        timestamp=datetime.now(UTC),
    )


def _first_deadline_unix_ms(command: AnyCommand, letter: Letter) -> int:
    told = letter.headers.get(FIRST_DEADLINE_HEADER)
    first = min(command.deadline_unix_ms, told) if isinstance(told, int) else command.deadline_unix_ms
    return max(first, 0)  # a header may come with any number


def _id(message: AbstractMessage) -> str:
    """12 hexadecimal digits. RabbitMQ's own headers are left out: some change with every look, or from copy to copy."""
    parts = (message.message_id, message.correlation_id, message.timestamp, message.headers.get("x-reason"))
    digest = blake2b(repr(parts).encode(), digest_size=6)
    digest.update(message.body)
    return digest.hexdigest()


def _buried_at(message: AbstractMessage) -> datetime | None:
    """When RabbitMQ moved it here, else when it was sent: the task-writer's letters are sent as they are buried."""
    moved_at = _death(message.headers).get("time")
    told = moved_at if isinstance(moved_at, datetime) else message.timestamp
    return told.astimezone(UTC) if told is not None else None


def _reason(headers: Mapping[str, object]) -> str:
    told = headers.get("x-reason")
    if isinstance(told, str) and told.startswith("malformed: "):
        return f"cannot be read: {told.removeprefix('malformed: ').removeprefix(': ')}"
    if isinstance(told, str):
        return f"PostgreSQL cannot carry it out: {told}"
    moved = _death(headers).get("reason")
    if isinstance(moved, str):
        return _REASONS_OF_RABBITMQ.get(moved, f"was moved here by RabbitMQ: {moved}")
    return "no reason is given"


def _death(headers: Mapping[str, object]) -> Mapping[str, object]:
    """What RabbitMQ tells of its latest move of the message; empty when it has not moved it."""
    deaths = headers.get("x-death")
    latest = deaths[0] if isinstance(deaths, list) and deaths else None
    return latest if isinstance(latest, dict) else {}


def _commands(body: bytes) -> Sequence[AnyCommand] | None:
    try:
        return CommandBatch.model_validate_json(body).commands
    except ValidationError:
        return None

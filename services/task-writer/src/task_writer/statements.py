"""The writer's SQL: calls of the functions in services/task-writer/sql, which the migrations have made: see ADR 9."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any
from uuid import UUID

from common.contracts.commands import AnyCommand
from pydantic_core import to_json

RUN_COMMANDS = """
select status, task, recorded from run_commands(%(commands)s, %(batch)s, %(keys)s, %(look_up)s);
"""
FORGET_COMMANDS = "select forget_commands(%(retention_s)s, %(limit)s)"
FORGOTTEN_UNTIL = "select date_part('epoch', forgotten_until) from command_log_state"

NOT_SENT_TO_SQL = {"request_id", "traceparent"}
NOT_FINGERPRINTED = {"command_id", "deadline_unix_ms", "keyed", "request_id", "traceparent", "type"}
NOT_FINGERPRINTED_OF_A_CREATION = NOT_FINGERPRINTED | {"task_id"}
"""The fields that are no part of what a command asks for; its type stands before the others."""


def parameters(commands: Sequence[AnyCommand], *, batch: UUID, look_up: bool) -> dict[str, Any]:
    """The values for RUN_COMMANDS. `batch` is an id that all runs of one batch share.

    The commands go as a JSON array, each with its fingerprint as a bytea is spelled in text. Keys are sorted, so that
    two batches with the same ones do not wait for each other.
    """
    given = [
        command.model_dump(exclude=NOT_SENT_TO_SQL) | {"fingerprint": rf"\x{fingerprint(command).hex()}"}
        for command in commands
    ]
    keys = sorted({lock_number(command.command_id) for command in commands if command.keyed})
    return {
        "commands": to_json(given).decode(),
        "batch": lock_number(batch),
        "keys": keys or None,
        "look_up": look_up,
    }


def lock_number(name: UUID) -> int:
    """The number of PostgreSQL's advisory lock for an id, a bigint. When two ids share one, they only take turns."""
    return int.from_bytes(name.bytes[8:], signed=True)


def fingerprint(command: AnyCommand) -> bytes:
    """16 bytes that differ when two commands of one id ask for different things.

    They are compared with those that an earlier release has recorded. So what is at its default counts as absent: a
    field that is added later changes no fingerprint of a command that does not use it. The id of a new task is the
    gateway's choice, not a part of what is asked for: it differs each time that a client sends its request.
    """
    left_out = NOT_FINGERPRINTED_OF_A_CREATION if command.type == "create_task" else NOT_FINGERPRINTED
    asked_for = command.type + command.model_dump_json(exclude=left_out, exclude_defaults=True)
    return blake2b(asked_for.encode(), digest_size=16).digest()

"""The writer's SQL: calls of the functions in services/task-writer/sql, created by the migrations (ADR 9)."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any
from uuid import UUID

from common.contracts.commands import AnyCommand
from pydantic_core import to_json

RUN_COMMANDS = """
select status, task, recorded, revision from run_commands(%(commands)s, %(batch)s, %(keys)s, %(look_up)s);
"""
FORGET_COMMANDS = "select forget_commands(%(retention_s)s, %(limit)s)"
FORGOTTEN_UNTIL = "select date_part('epoch', forgotten_until) from command_log_state"

NOT_SENT_TO_SQL = {"request_id", "traceparent"}
NOT_FINGERPRINTED = {"command_id", "deadline_unix_ms", "keyed", "request_id", "traceparent", "type"}
NOT_FINGERPRINTED_OF_A_CREATION = NOT_FINGERPRINTED | {"task_id"}
"""Fields that do not identify what a command requests. Its type is prepended to the others."""


def parameters(commands: Sequence[AnyCommand], *, batch: UUID, look_up: bool) -> dict[str, Any]:
    """The values for RUN_COMMANDS. `batch` is an id that all runs of one batch share.

    The commands are a JSON array, each with its fingerprint in bytea's hex format. Keys are sorted, so that two batches
    with the same keys cannot deadlock.
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
    """The key of PostgreSQL's advisory lock for an id, a bigint. Two ids that share a key only wait for each other."""
    return int.from_bytes(name.bytes[8:], signed=True)


def fingerprint(command: AnyCommand) -> bytes:
    """16 bytes that differ when two commands with the same id request different changes.

    They are compared with those recorded by earlier releases, so a field at its default counts as absent: a field that
    is added later does not change the fingerprint of a command without it. The id of a new task is left out: the
    gateway chooses a new one each time that a client sends its request.
    """
    left_out = NOT_FINGERPRINTED_OF_A_CREATION if command.type == "create_task" else NOT_FINGERPRINTED
    requested = command.type + command.model_dump_json(exclude=left_out, exclude_defaults=True)
    return blake2b(requested.encode(), digest_size=16).digest()

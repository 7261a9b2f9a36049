"""The writer's SQL: calls of the functions in services/task-writer/sql, created by the migrations (ADR 9)."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from common.contracts.commands import AnyCommand
from common.contracts.fingerprints import fingerprint
from pydantic_core import to_json

RUN_COMMANDS = """
select status, task, recorded, revision from run_commands(%(commands)s, %(batch)s, %(keys)s, %(look_up)s);
"""
FORGET_COMMANDS = "select forget_commands(%(retention_s)s, %(limit)s)"
EMPTY_OLD_SLOT = "select empty_old_slot(%(retention_s)s)"
FORGOTTEN_UNTIL = "select date_part('epoch', forgotten_until) from command_log_state"

NOT_SENT_TO_SQL = {"request_id", "traceparent", "keyed_list"}
NO_FINGERPRINT = b'{"fingerprint":"",'


def parameters(commands: Sequence[AnyCommand], *, batch: UUID, look_up: bool) -> dict[str, Any]:
    """The values for RUN_COMMANDS. `batch` is an id that all runs of one batch share.

    The commands are a JSON array. Keys are sorted, so that two batches with the same keys cannot deadlock.
    """
    keys = sorted({lock_number(_key_of(command)) for command in commands if command.keyed})
    given = [_with_fingerprint(command) if command.keyed else _without_fingerprint(command) for command in commands]
    return {
        "commands": f"[{b','.join(given).decode()}]",
        "batch": lock_number(batch),
        "keys": f"{{{','.join(map(str, keys))}}}" if keys else None,
        "look_up": look_up,
    }


def _without_fingerprint(command: AnyCommand) -> bytes:
    """The record of a command without a key has an empty one: it is compared with nothing (ADR 7)."""
    return NO_FINGERPRINT + to_json(command, exclude=NOT_SENT_TO_SQL)[1:]


def _with_fingerprint(command: AnyCommand) -> bytes:
    """In bytea's hex format."""
    given = command.model_dump(exclude=NOT_SENT_TO_SQL)
    given["fingerprint"] = rf"\x{fingerprint(command).hex()}"
    if command.keyed_list is not None:
        given["list_first"] = command.keyed_list.first
    return to_json(given)


def _key_of(command: AnyCommand) -> UUID:
    """The id that stands for the key: all commands of a list have one."""
    return command.command_id if command.keyed_list is None else command.keyed_list.first


def lock_number(name: UUID) -> int:
    """The key of PostgreSQL's advisory lock for an id, a bigint. Two ids that share a key only wait for each other."""
    return int.from_bytes(name.bytes[8:], signed=True)

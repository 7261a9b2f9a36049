"""The writer and the reader of release 1, reduced to what crosses their boundaries: messages in, SQL, messages out."""

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any
from uuid import UUID

import psycopg
from common.database import Connection, first_rows
from psycopg import AsyncClientCursor

from . import release_1, release_1_sql

type Row = tuple[Any, ...] | None


async def connect(url: str) -> Connection:
    """A connection as release 1 makes it."""
    return await psycopg.AsyncConnection.connect(
        url, autocommit=True, prepare_threshold=None, cursor_factory=AsyncClientCursor, options="-c timezone=UTC"
    )


def parameters(command: release_1.Command) -> dict[str, Any]:
    """The values of the placeholders, the fingerprint among them."""
    values = command.model_dump(exclude={"type", "deadline_unix_ms"})
    wish = command.model_dump_json(exclude={"command_id", "deadline_unix_ms"})
    ids = {name: str(values[name]) for name in ("command_id", "user_id", "task_id")}
    return values | ids | {"fingerprint": blake2b(wish.encode(), digest_size=16).digest()}


async def carry_out(writer: Connection, message: bytes, by_type: Mapping[str, str] = release_1_sql.BY_TYPE) -> bytes:
    """The reply to a message with new commands, all in one transaction; `by_type` has the SQL of each."""
    commands = release_1.CommandBatch.model_validate_json(message).commands
    rows = await first_rows(writer, [(by_type[one.type], parameters(one)) for one in commands])
    return reply(rows)


async def carry_out_again(writer: Connection, message: bytes) -> bytes:
    """The reply to a redelivered message, all of whose commands are recorded."""
    commands = release_1.CommandBatch.model_validate_json(message).commands
    rows = await first_rows(writer, [(release_1_sql.FIND_RECORDED, parameters(one)) for one in commands])
    assert [row[2] for row in rows if row] == [one.command_id for one in commands]
    return reply(rows)


def reply(rows: list[Row]) -> bytes:
    outcomes = [release_1.Outcome(status=row[0], task=row[1]) for row in rows if row]
    return release_1.OutcomeBatch(outcomes=outcomes).model_dump_json(exclude_defaults=True).encode()


async def list_tasks(reader: Connection, user_id: UUID) -> list[dict[str, Any]]:
    """The user's tasks."""
    ((tasks,),) = await rows_of(reader, release_1_sql.LIST_TASKS, {"user_id": str(user_id)})
    return list(tasks)


async def find_task(reader: Connection, user_id: UUID, task_id: UUID) -> dict[str, Any] | None:
    """The task, if the user has it."""
    values = {"user_id": str(user_id), "task_id": str(task_id)}
    rows = await rows_of(reader, release_1_sql.FIND_TASK, values)
    return dict(rows[0][0]) if rows else None


async def rows_of(connection: Connection, text: str, values: dict[str, str]) -> list[tuple[Any, ...]]:
    return [row for row in await first_rows(connection, [(text, values)]) if row]


def message_of(name: str, user_id: UUID, task_id: UUID, *, number: int) -> bytes:
    """One of release 1's messages about this user's task; each `number` makes a command of its own."""
    batch = json.loads(release_1.COMMANDS[name])
    (command,) = batch["commands"]
    command |= {"user_id": str(user_id), "task_id": str(task_id), "command_id": str(UUID(int=user_id.int ^ number))}
    return json.dumps(batch).encode()

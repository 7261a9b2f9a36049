"""Locks a task, so that a writer that changes it waits in the middle of its transaction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from common.contracts.commands import CreateTask, ToggleTask

from tests.conftest import Addresses


@asynccontextmanager
async def locked(addresses: Addresses, of: CreateTask | ToggleTask) -> AsyncIterator[psycopg.AsyncConnection]:
    """Holds the row lock of the command's task, which must be there, until the end or a rollback of the connection."""
    async with await psycopg.AsyncConnection.connect(addresses.owner) as blocker:
        await blocker.execute("select set_config('app.user_id', %s, true)", [str(of.user_id)])
        held = await blocker.execute("select 1 from tasks where id = %s for update", [of.task_id])
        assert held.rowcount == 1, "there is no such task, so that nothing would wait"
        yield blocker
        await blocker.rollback()


async def writer_waits_for_a_lock(admin: psycopg.AsyncConnection) -> bool:
    """Whether a statement of a task-writer waits for somebody else's lock now."""
    return await writers_wait_for_locks(admin, 1)


async def writers_wait_for_locks(admin: psycopg.AsyncConnection, count: int) -> bool:
    """Whether so many statements of task-writers, or more, wait for somebody else's lock now."""
    waiting = await admin.execute(
        "select 1 from pg_stat_activity where usename = 'taskwire_writer' and wait_event_type = 'Lock'"
    )
    return len(await waiting.fetchall()) >= count

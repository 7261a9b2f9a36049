"""Locks a task, so that a writer that changes it waits in the middle of its transaction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psycopg
from common.contracts.commands import CreateTask, ToggleTask

from tests.conftest import Addresses
from tests.waiting import eventually


@dataclass(frozen=True)
class Locks:
    """Locks on tasks of one database, and the writers that wait for them."""

    addresses: Addresses
    admin: psycopg.AsyncConnection

    @asynccontextmanager
    async def held(self, of: CreateTask | ToggleTask) -> AsyncIterator[psycopg.AsyncConnection]:
        """Holds the row lock of the command's task, which must be there, until the end or a rollback of the
        connection."""
        async with await psycopg.AsyncConnection.connect(self.addresses.owner) as blocker:
            await blocker.execute("select set_config('app.user_id', %s, true)", [str(of.user_id)])
            held = await blocker.execute("select 1 from tasks where id = %s for update", [of.task_id])
            assert held.rowcount == 1, "there is no such task, so that nothing would wait"
            yield blocker
            await blocker.rollback()

    async def awaited(self, by: int = 1) -> None:
        """Returns once so many statements of task-writers, or more, wait for somebody else's lock."""

        async def are_waiting() -> bool:
            waiting = await self.admin.execute(
                "select 1 from pg_stat_activity where usename = 'taskwire_writer' and wait_event_type = 'Lock'"
            )
            return len(await waiting.fetchall()) >= by

        await eventually(are_waiting)

"""Makes PostgreSQL's transactions wait: for a held lock, or at commit for a missing standby."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg


@asynccontextmanager
async def tasks_locked(superuser_url: str) -> AsyncIterator[None]:
    """Writes wait for the lock of a table, up to the role's `lock_timeout`; reads pass."""
    async with await psycopg.AsyncConnection.connect(superuser_url) as blocker:
        await blocker.execute("lock table tasks in share mode")
        yield
        await blocker.rollback()


@asynccontextmanager
async def commits_stalled(superuser_url: str) -> AsyncIterator[None]:
    """What commits is on disk and waits for a standby, unseen and with all its locks; no time-out of a role ends it."""
    async with await psycopg.AsyncConnection.connect(superuser_url, autocommit=True) as admin:
        await admin.execute("set synchronous_commit = local")  # or this session would wait too
        await _wait_for_standby(admin, "nobody")
        try:
            yield
        finally:
            await _wait_for_standby(admin, "")


async def _wait_for_standby(admin: psycopg.AsyncConnection, name: str) -> None:
    await admin.execute(f"alter system set synchronous_standby_names = '{name}'".encode())
    await admin.execute("select pg_reload_conf()")

"""Connections to PostgreSQL: a bounded pool that survives a restart of the server, and the check of row-level security.

The client puts values into the text of a statement: several statements go out as one string in one round trip, form one
implicit transaction, and need no prepared statement, so that they work behind any transaction pooler.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

from psycopg import AsyncConnection, Error
from psycopg.errors import ReadOnlySqlTransaction
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests
from pydantic import SecretStr

from common.observability.health import Component
from common.observability.tracing import inner_span
from common.postgres.connections import ClosingConnection, configure, connection_options
from common.postgres.metrics import DATABASE_SECONDS, show_pool
from common.postgres.servers import Servers
from common.runtime.background import running
from common.runtime.time_limits import time_limit
from common.settings import DatabaseSettings

log = logging.getLogger(__name__)

type Connection = AsyncConnection[tuple[Any, ...]]

MAX_RECONNECT_PAUSE_S = 2.0  # limits the pool's pause between attempts, and so the recovery time
CLOSE_TIMEOUT_S = 2.0  # for the pool's own tasks, which may be opening connections to a server that does not answer
READ_ONLY = "PostgreSQL takes no writes: it is a standby, or was set to read-only"


class DatabaseUnavailable(Exception):
    """PostgreSQL could not be reached or did not answer in time, or the connection broke under the statement.

    `maybe_done` is False when nothing was committed for certain. When it is True, `__cause__` is the error of the last
    attempt, which may be an error of PostgreSQL after an earlier attempt lost its connection.
    """

    def __init__(self, *, maybe_done: bool) -> None:
        super().__init__("PostgreSQL is not available")
        self.maybe_done = maybe_done


class RowSecurityBypassed(SystemExit):
    """The service's role bypasses row-level security: the process ends with this message and status 1."""


class Database:
    """A pool of connections in autocommit mode, their time zone UTC."""

    def __init__(self, pool: AsyncConnectionPool[ClosingConnection], servers: Servers, *, timeout_s: float) -> None:
        self._pool = pool
        self._servers = servers
        self._timeout_s = timeout_s
        self.component = Component(self._role)

    async def run[Result](self, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Returns the result of `work`. When the connection breaks, calls it again on another one, so it must be safe
        to repeat. All pooled connections may break at the same time, so retries go on for the pool's time-out.

        Raises DatabaseUnavailable when that does not help, or after `timeout_s` seconds including all waits; the
        connection is then closed without waiting for the server. Errors reported by PostgreSQL propagate unchanged,
        except after an attempt whose connection broke: that one may have been committed, whatever happens next.
        """
        attempts = _Attempts()
        try:
            with time_limit(self._timeout_s):
                return await self._run(work, attempts)
        except (PoolClosed, PoolTimeout, TooManyRequests, TimeoutError, ReadOnlySqlTransaction) as error:
            self._failed()
            if attempts.maybe_done and isinstance(error, TimeoutError):
                await self._pool.drain()  # a server that hangs would hold others up as long, one by one
            raise DatabaseUnavailable(maybe_done=attempts.maybe_done) from error
        except asyncio.CancelledError:
            self._give_reason()
            raise
        except Exception as error:
            if not attempts.maybe_done:
                raise
            if not isinstance(error, Error):
                log.exception("database work failed after a broken connection")
            raise DatabaseUnavailable(maybe_done=True) from error

    async def _run[Result](self, work: Callable[[Connection], Awaitable[Result]], attempts: "_Attempts") -> Result:
        while True:
            connection = await self._live_connection()
            try:
                began = monotonic()
                try:
                    with inner_span("postgresql", **{"db.system.name": "postgresql"}):
                        result = await work(connection)
                except asyncio.CancelledError:
                    attempts.maybe_done = True
                    await connection.close()
                    raise
                except ReadOnlySqlTransaction:  # nothing was committed
                    await connection.close()
                    self.component.lost(READ_ONLY)
                    if not attempts.has_time_left(self._pool.timeout):
                        raise
                except Exception as error:
                    if not connection.closed:  # an error from the server, or a bug: nothing was committed
                        raise
                    attempts.maybe_done = True
                    if not isinstance(error, Error) or not attempts.has_time_left(self._pool.timeout):
                        self._failed()
                        raise
                    log.info("a database connection broke; trying another: %s", type(error).__name__)
                else:
                    self.component.worked()
                    DATABASE_SECONDS.observe(monotonic() - began)
                    return result
            finally:
                await self._pool.putconn(connection)

    async def _live_connection(self) -> ClosingConnection:
        """A pooled connection that the server has not closed while it was idle, and whose server is no old primary;
        others are discarded. Whoever takes it has to give it back.

        The pool's own check pauses for a second after each dead connection; this takes the next one immediately. Its
        context manager would take a third of the time that `run` takes, to end a transaction that there is not.
        """
        while True:
            connection = await self._pool.getconn()
            if not connection.is_closed_by_server and not connection.is_behind:
                return connection
            try:
                await connection.close()
            finally:
                await self._pool.putconn(connection)

    def _failed(self) -> None:
        self._give_reason()
        self.component.failed()

    def _give_reason(self) -> None:
        self.component.reason = self._servers.refusal or self.component.reason

    async def refuse_rls_bypass(self) -> None:
        """Waits for PostgreSQL, and raises RowSecurityBypassed when the role bypasses row-level security."""
        while True:
            try:
                name, bypasses = await self._role()
                break
            except (DatabaseUnavailable, Error) as error:
                log.warning("waiting for PostgreSQL: %s", error)
                await asyncio.sleep(1)
        log.info("connected to PostgreSQL as %s", name)
        if bypasses:
            raise RowSecurityBypassed(
                f"The database role {name} bypasses row-level security. Use a role without SUPERUSER and BYPASSRLS "
                "(`task-writer migrate` creates them), or set ALLOW_RLS_BYPASS=true."
            )

    async def _role(self) -> tuple[str, bool]:
        """The role's name, and whether it bypasses row-level security."""
        sql = "select rolname, rolsuper or rolbypassrls from pg_roles where rolname = current_user"
        ((name, bypasses),) = await self.run(lambda connection: all_rows(connection, sql, {}))
        return name, bypasses


class _Attempts:
    """The attempts at one piece of work so far."""

    __slots__ = ("_give_up_at", "maybe_done")

    def __init__(self) -> None:
        self.maybe_done = False  # whether an attempt may have been committed without an answer
        self._give_up_at = 0.0

    def has_time_left(self, seconds: float) -> bool:
        """Whether there is time for another attempt: `seconds` from the first call."""
        self._give_up_at = self._give_up_at or monotonic() + seconds
        return monotonic() <= self._give_up_at


@asynccontextmanager
async def open_database(
    url: SecretStr, settings: DatabaseSettings, *, takes_writes: bool = False
) -> AsyncIterator[Database]:
    """Opens the pool without waiting for the server, and checks the role in the background.

    `takes_writes`: only servers that take writes are used, unless the address says otherwise.
    """
    servers = Servers(url, takes_writes=takes_writes)
    pool: AsyncConnectionPool[ClosingConnection] = AsyncConnectionPool(
        connection_class=ClosingConnection,
        kwargs={"servers": servers, **connection_options(url, settings)},
        min_size=min(2, settings.pool_size),
        max_size=settings.pool_size,
        timeout=settings.pool_timeout_s,
        max_waiting=settings.pool_max_waiting,
        reconnect_timeout=MAX_RECONNECT_PAUSE_S,
        configure=configure,
        name="postgresql",
        open=False,
    )
    await pool.open()
    database = Database(pool, servers, timeout_s=settings.database_timeout_s)
    show_pool(pool.get_stats)
    try:
        if settings.allow_rls_bypass:
            yield database
        else:
            async with running("row-level security check", database.refuse_rls_bypass):
                yield database
    finally:
        await pool.close(CLOSE_TIMEOUT_S)


async def all_rows(db: Connection, text: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of one statement: one round trip. Raises psycopg's errors."""
    return await (await db.execute(text.encode(), values)).fetchall()

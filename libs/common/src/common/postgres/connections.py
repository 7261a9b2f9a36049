"""A connection to PostgreSQL: its options, its handling of JSON and time zones, and when it counts as broken."""

import asyncio
import select
from collections.abc import Mapping
from functools import cached_property, partial
from typing import Any, Self

from psycopg import AsyncClientCursor, AsyncConnection, Error, OperationalError, waiting
from psycopg.abc import RV, PQGen
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import Diagnostic
from pydantic import SecretStr

from common.postgres.servers import ServerRefused, Servers, Timeline, limit_for_each
from common.postgres.socket_watch import SocketWatch
from common.postgres.text_rows import ENCODING
from common.settings import DatabaseSettings

DEAD_PEER_TIMEOUT_MS = 5_000  # a connection with unacknowledged data for this long is dropped
CONFIGURE_TIMEOUT_S = 5.0
_POLL_EVERY_S = 0.1
_WAIT_FOR_STANDBYS = "SyncRepWaitForLSN"  # the function of PostgreSQL; unlike the message, its name is not translated


class CommittedLocally(OperationalError):
    """PostgreSQL gave up waiting for a synchronous standby: what was committed is lost if it fails over now."""


class ClosingConnection(AsyncConnection[tuple[Any, ...]]):
    """A connection that is closed immediately when the task that waits for its result is cancelled.

    psycopg's own connection asks the server to cancel the statement, and waits up to 10 s. A frozen or unreachable
    server does not answer, and those are what time limits are for.

    It is closed as well when a commit was only local, because whoever cancels a statement ends its wait for the
    standby: PostgreSQL then reports success with a warning. And it is closed when a newer timeline was seen meanwhile:
    an old primary says that it has committed what nobody will see. To those who wait here, both are a connection that
    broke under the commit.
    """

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._servers: Servers | None = None
        self._timeline: Timeline | None = None
        self._committed_locally = False
        self.watch = SocketWatch()
        self.add_notice_handler(self._hear)

    @classmethod
    async def connect(  # type: ignore[override]  # psycopg's other options are text and numbers
        cls, conninfo: str = "", *, servers: Servers | None = None, **options: Any
    ) -> Self:
        """With `servers`, a connection to the first of them that may be used, whatever `conninfo` says.

        Raises psycopg's OperationalError when there is none. Takes `connect_timeout` and CONFIGURE_TIMEOUT_S at most
        for each of their network addresses, and as long once for all of them at the same time.
        """
        if servers is None:
            return await super().connect(conninfo, **options)
        await servers.look_at_all(partial(cls._is_usable, servers, options))
        failures = list[Exception]()
        for address in servers.in_order():
            try:
                connection = await super().connect(address, **options)
                await connection.join(servers)
            except (Error, TimeoutError) as error:
                failures.append(error)
            else:
                servers.worked(address)
                return connection
        raise servers.failed(failures)

    @classmethod
    async def _is_usable(cls, servers: Servers, options: Mapping[str, Any], address: str) -> bool:
        try:
            connection = await super().connect(address, **options)
            await connection.join(servers)
            await connection.close()
        except (Error, TimeoutError):
            return False
        return True

    async def join(self, servers: Servers) -> None:
        """Lets `servers` look at its server; one that is refused, or does not answer in time, is not kept.

        Raises psycopg's errors, ServerRefused among them, and TimeoutError.
        """
        try:
            async with asyncio.timeout(CONFIGURE_TIMEOUT_S):
                self._timeline = await servers.admit(self)
        except Error:
            await self.close()
            raise
        self._servers = servers

    async def wait(
        self,
        gen: PQGen[RV],
        interval: float = _POLL_EVERY_S,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is psycopg's
    ) -> RV:
        try:
            if timeout is None:
                result = await self.watch.run(gen, self.pgconn.socket)
            else:
                self.watch.stop()
                result = await waiting.wait_async(gen, self.pgconn.socket, interval=interval, timeout=timeout)
        except asyncio.CancelledError:
            await self.close()  # no round trip
            raise
        finally:
            if self.closed:  # libpq has closed the socket
                self.watch.stop()
        if self._committed_locally:
            await self.close()
            raise CommittedLocally("the commit was not replicated: the wait for the standby was cancelled")
        if self.is_behind:
            await self.close()
            raise ServerRefused("a newer timeline was seen meanwhile: the server is an old primary")
        return result

    async def close(self) -> None:
        self.watch.stop()
        await super().close()

    @property
    def is_closed_by_server(self) -> bool:
        """Whether the server closed it while it was idle, found without a round trip.

        PostgreSQL sends an idle client nothing but the notice that it closes the connection, so readable bytes mean a
        dead connection. Neon closes idle connections when it suspends a compute.
        """
        return self.closed or bool(self._poll.poll(0))

    @cached_property
    def _poll(self) -> select.poll:
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        return poll

    @property
    def is_behind(self) -> bool:
        """Whether its server is an old primary: a higher timeline has been seen."""
        return self._servers is not None and self._servers.is_behind(self._timeline)

    def _hear(self, notice: Diagnostic) -> None:
        self._committed_locally = self._committed_locally or notice.source_function == _WAIT_FOR_STANDBYS


def connection_options(url: SecretStr, settings: DatabaseSettings) -> dict[str, Any]:
    """Our defaults; options in the address take precedence, but for what this code is written for."""
    given = conninfo_to_dict(url.get_secret_value())
    options = {
        "connect_timeout": limit_for_each(url, settings.connect_timeout_s),
        "keepalives_idle": 30,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": DEAD_PEER_TIMEOUT_MS,
    }
    left = {name: value for name, value in options.items() if name not in given}
    return left | {
        "client_encoding": ENCODING,
        "autocommit": True,
        "prepare_threshold": None,
        "cursor_factory": AsyncClientCursor,
    }


async def configure(connection: AsyncConnection[tuple[Any, ...]]) -> None:
    """PostgreSQL writes a timestamptz into JSON in the session's time zone; poolers keep this setting per client.

    Raises TimeoutError, and closes the connection, when the server does not answer.
    """
    if connection.info.parameter_status("TimeZone") != "UTC":
        async with asyncio.timeout(CONFIGURE_TIMEOUT_S):
            await connection.execute("set timezone = 'UTC'")

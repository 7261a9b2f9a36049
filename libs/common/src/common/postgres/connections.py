"""A connection to PostgreSQL: its options, its handling of JSON and time zones, and how it is closed."""

import asyncio
import select
from typing import Any

from psycopg import AsyncClientCursor, AsyncConnection, waiting
from psycopg.abc import RV, PQGen
from psycopg.adapt import Buffer, Loader
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from common.settings import DatabaseSettings

DEAD_PEER_TIMEOUT_MS = 5_000  # a connection with unacknowledged data for this long is dropped
CONFIGURE_TIMEOUT_S = 5.0
_POLL_EVERY_S = 0.1


class ClosingConnection(AsyncConnection[tuple[Any, ...]]):
    """A connection that is closed immediately when the task that waits for its result is cancelled.

    psycopg's own connection asks the server to cancel the statement, and waits up to 10 s. A frozen or unreachable
    server does not answer, and those are what time limits are for.
    """

    async def wait(
        self,
        gen: PQGen[RV],
        interval: float = _POLL_EVERY_S,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is psycopg's
    ) -> RV:
        try:
            return await waiting.wait_async(gen, self.pgconn.socket, interval=interval, timeout=timeout)
        except asyncio.CancelledError:
            await self.close()  # no round trip
            raise


class _JsonText(Loader):
    """Returns PostgreSQL's JSON as a view, without copying; the view keeps the result alive."""

    def load(self, data: Buffer) -> memoryview:
        return memoryview(data)


def connection_options(url: SecretStr, settings: DatabaseSettings) -> dict[str, Any]:
    """Our defaults; options in the address take precedence."""
    options = {
        "connect_timeout": settings.connect_timeout_s,
        "keepalives_idle": 30,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": DEAD_PEER_TIMEOUT_MS,
    }
    given = conninfo_to_dict(url.get_secret_value())
    left = {name: value for name, value in options.items() if name not in given}
    return left | {"autocommit": True, "prepare_threshold": None, "cursor_factory": AsyncClientCursor}


async def configure(connection: AsyncConnection[tuple[Any, ...]]) -> None:
    """PostgreSQL writes a timestamptz into JSON in the session's time zone; poolers keep this setting per client.

    Raises TimeoutError, and closes the connection, when the server does not answer.
    """
    connection.adapters.register_loader("json", _JsonText)
    if connection.info.parameter_status("TimeZone") != "UTC":
        async with asyncio.timeout(CONFIGURE_TIMEOUT_S):
            await connection.execute("set timezone = 'UTC'")


def closed_by_server(connection: AsyncConnection[tuple[Any, ...]]) -> bool:
    """Finds a connection that the server closed while it was idle, without a round trip.

    PostgreSQL sends an idle client nothing but the notice that it closes the connection, so readable bytes mean a dead
    connection. Neon closes idle connections when it suspends a compute.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))

"""One connection to PostgreSQL: its options, what it makes of JSON and time zones, and how it ends."""

import asyncio
import select
from typing import Any

from psycopg import AsyncClientCursor, AsyncConnection, waiting
from psycopg.abc import RV, PQGen
from psycopg.adapt import Buffer, Loader
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from common.settings import DatabaseSettings

DEAD_PEER_TIMEOUT_MS = 5_000  # a connection whose bytes stay unacknowledged for so long is given up
CONFIGURE_TIMEOUT_S = 5.0
_LOOK_EVERY_S = 0.1


class ClosingConnection(AsyncConnection[tuple[Any, ...]]):
    """A connection that is closed, at once, when the task that waits for its answer is cancelled.

    psycopg's own asks the server to cancel the statement, and waits up to 10 s for that. A server that is frozen or
    cut off does not answer, and time limits are for those.
    """

    async def wait(
        self,
        gen: PQGen[RV],
        interval: float = _LOOK_EVERY_S,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is psycopg's
    ) -> RV:
        try:
            return await waiting.wait_async(gen, self.pgconn.socket, interval=interval, timeout=timeout)
        except asyncio.CancelledError:
            await self.close()  # no round trip
            raise


class _JsonText(Loader):
    """Hands on PostgreSQL's JSON as it came, uncopied: a view keeps the result that it looks into alive."""

    def load(self, data: Buffer) -> memoryview:
        return memoryview(data)


def connection_options(url: SecretStr, settings: DatabaseSettings) -> dict[str, Any]:
    """Our defaults; what the address itself says wins."""
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

    PostgreSQL says nothing to an idle client but its farewell, so that readable bytes mean a dead connection. Neon
    closes idle connections when a compute goes to sleep.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))

"""Asks every task-reader for the state of its database. Only the status page does, while it is open.

Each is asked on a connection of its own, by its address: those of gateway/reader_connections.py go to any of them.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass

from common.contracts.reader_status import READER_STATUS_PATH, ReaderStatus
from common.observability.health import State
from pydantic import HttpUrl, ValidationError

from gateway.settings import GatewaySettings

TIMEOUT_S = 0.8
MAX_READERS = 32


@dataclass(frozen=True)
class Databases:
    """What the task-readers say together, and how many have answered. `lags_s` are by the replica's name; a lag is None
    where it is not known."""

    state: State
    readers: int
    is_late: bool
    lags_s: dict[str, float | None]

    def as_json(self) -> dict[str, object]:
        replicas = [{"server": server, "lag_s": lag_s} for server, lag_s in sorted(self.lags_s.items())]
        return {"state": self.state, "readers": self.readers, "is_late": self.is_late, "replicas": replicas}


async def look_at_databases(settings: GatewaySettings) -> Databases:
    """What each reader behind READER_URL and READER_PRIMARY_URL says within TIMEOUT_S. Raises nothing: one that does
    not answer is left out."""
    urls = [url for url in (settings.reader_url, settings.reader_primary_url) if url is not None]
    token = settings.reader_token
    credentials = "" if token is None else f"Authorization: Bearer {token.get_secret_value()}\r\n"
    found = await asyncio.gather(*(_ask_all(url, credentials) for url in urls))
    return _together([one for answers in found for one in answers])


async def _ask_all(url: HttpUrl, credentials: str) -> list[ReaderStatus]:
    """Several readers may share a name: each of its addresses is asked."""
    request = (
        f"GET {READER_STATUS_PATH} HTTP/1.1\r\nHost: {url.host}:{url.port}\r\n{credentials}Connection: close\r\n\r\n"
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            host = (url.host or "").strip("[]")
            infos = await asyncio.get_running_loop().getaddrinfo(host, url.port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError):
        return []
    addresses = sorted({str(info[4][0]) for info in infos})[:MAX_READERS]
    answers = await asyncio.gather(*(_ask(url, address, request.encode()) for address in addresses))
    return [answer for answer in answers if answer is not None]


async def _ask(url: HttpUrl, address: str, request: bytes) -> ReaderStatus | None:
    tls = ssl.create_default_context() if url.scheme == "https" else None
    try:
        async with asyncio.timeout(TIMEOUT_S):
            name = url.host if tls else None
            reader, writer = await asyncio.open_connection(address, url.port, ssl=tls, server_hostname=name)
            try:
                writer.write(request)
                head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            finally:
                writer.close()
        return ReaderStatus.model_validate_json(body) if head.split()[1:2] == [b"200"] else None
    except (OSError, TimeoutError, ValidationError):
        return None


def _together(statuses: Iterable[ReaderStatus]) -> Databases:
    """Up if any reader's is; of a replica that several read, the largest lag."""
    said = list(statuses)
    states = {one.database for one in said}
    lags_s: dict[str, float | None] = {}
    for replica in (replica for one in said for replica in one.replicas):
        name = replica.server or "replica"
        known = lags_s.get(name, 0.0)
        lags_s[name] = None if known is None or replica.lag_s is None else max(known, replica.lag_s)
    state: State = next((state for state in ("up", "down") if state in states), "unknown")
    return Databases(state, len(said), any(one.is_late for one in said), lags_s)

"""A TCP proxy that keeps what passes, for tests that count it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from faults import lines

PATIENCE_S = 10.0
NEVER_S = 86_400.0
"""The period of what a service does by the clock, so that it does nothing while it is counted."""


class Line(lines.Line):
    """Keeps the bytes of every connection, in each direction, before it hands them on: when a client has its answer,
    the line has it too."""

    def __init__(self, target_port: int) -> None:
        super().__init__(target_port)
        self._server_port = target_port
        self.to_server: list[bytearray] = []
        self.to_client: list[bytearray] = []
        self._connections: set[asyncio.Task[Any] | None] = set()

    def address(self, url: str) -> str:
        """The server's `url`, with the port of this line in place of its own."""
        parts = urlsplit(url)
        return parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{self.port}").geturl()

    async def ended(self) -> None:
        """Returns once both sides have closed every connection, and the line has all bytes that there were."""
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*filter(None, self._connections))

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        self._connections.add(asyncio.current_task())
        await super()._serve(client, to_client)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        kept = bytearray()
        leads_to_server = sink.get_extra_info("peername")[1] == self._server_port
        (self.to_server if leads_to_server else self.to_client).append(kept)
        with suppress(OSError):
            while chunk := await source.read(lines.CHUNK_BYTES):
                kept += chunk
                sink.write(chunk)
                await sink.drain()
        sink.close()


@asynccontextmanager
async def line_to(url: str) -> AsyncIterator[Line]:
    """A line to the server at `url`, which names its port. It outlives its clients: leaving it waits for their end, so
    that what they sent last is counted too."""
    line = Line(urlsplit(url).port or 0)
    await line.open()
    try:
        yield line
        await line.ended()
    finally:
        line.close()

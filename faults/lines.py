"""A TCP proxy between services and servers that can delay, cut or silently drop traffic."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import cycle

CHUNK_BYTES = 65_536
FIRST_BYTES = 4_096  # of AMQP they hold the connection's name


class Line:
    """Stands between clients and servers on loopback, to which connections go in turn. Belongs to one event loop."""

    def __init__(self, *target_ports: int) -> None:
        self.port = 0
        self._targets = cycle(target_ports)
        self._server: asyncio.Server | None = None
        self._writers: dict[asyncio.StreamWriter, bytearray] = {}  # with what was said first on their connection
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._swallows = False
        self._refuses = False

    async def open(self) -> None:
        """Accepts connections, on the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Cuts all connections, and accepts no more until `open`."""
        if self._server is not None:
            self._server.close()
        self.release()
        self.cut()

    def cut(self, naming: bytes = b"") -> None:
        """Resets every connection, or those on which this was said first; new ones are taken."""
        for writer, first_bytes in list(self._writers.items()):
            if naming in first_bytes:
                writer.transport.abort()

    def refuse(self) -> None:
        """Resets every connection, and each new one, until `admit`."""
        self._refuses = True
        self.cut()

    def admit(self) -> None:
        self._refuses = False

    def hold(self) -> None:
        """Holds all bytes until `release`, when they arrive late."""
        self._flowing.clear()

    def release(self) -> None:
        self._flowing.set()

    def swallow(self) -> None:
        """Drops all bytes from now on, on existing and new connections, so that these are half open."""
        self._swallows = True

    def spit_out(self) -> None:
        """Stops dropping, and resets the connections, because their bytes are lost."""
        self._swallows = False
        self.cut()

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        if self._refuses:
            to_client.transport.abort()
            return
        first_bytes = self._writers[to_client] = bytearray()
        try:
            server, to_server = await asyncio.open_connection("127.0.0.1", next(self._targets))
        except OSError:
            del self._writers[to_client]
            to_client.transport.abort()
            return
        self._writers[to_server] = first_bytes
        await asyncio.gather(self._pump(client, to_server), self._pump(server, to_client))
        del self._writers[to_client], self._writers[to_server]

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        first_bytes = self._writers[sink]
        with suppress(OSError):
            while chunk := await source.read(CHUNK_BYTES):
                if len(first_bytes) < FIRST_BYTES:
                    first_bytes += chunk[:FIRST_BYTES]
                await self._flowing.wait()
                if not self._swallows:
                    sink.write(chunk)
                    await sink.drain()
            while self._swallows:  # noqa: ASYNC110 - the end of a connection is swallowed too
                await asyncio.sleep(0.05)
        sink.close()


@asynccontextmanager
async def line_to(port: int) -> AsyncIterator[Line]:
    """An open line to the server on `port` of loopback."""
    line = Line(port)
    await line.open()
    try:
        yield line
    finally:
        line.close()

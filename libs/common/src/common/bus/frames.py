"""The frames of AMQP 0-9-1 that pass on a connection's socket: those of messages go beside aiormq (message_channel.py).

aiormq hands each frame of a message on through two queues and three tasks, and packs each field by itself; with
aio_pika and FastStream above it, that was half of what a batch cost on the bus. Here a message is given out when its
last byte has come, and written at once. All else stays aiormq's: it opens and closes connections and channels,
declares, consumes, keeps heartbeats and alarms, and gets every frame that is not taken here (ADR 16). Public API alone:
aiormq takes a transport factory.

https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf, section 2.3.5.
"""

import asyncio
from collections.abc import Callable, Iterable
from struct import Struct
from typing import Any, SupportsIndex

import aiormq
from aiormq.exceptions import AMQPConnectionError
from yarl import URL

FRAME = Struct(">BHI")  # type, channel, and size of the payload; behind the payload comes END
METHOD, HEADER, BODY = 1, 2, 3
END = b"\xce"
AROUND_BYTES = FRAME.size + len(END)
HEARTBEAT = FRAME.pack(8, 0, 0) + END

HEARTBEAT_EVERY_S = 0.5
"""RabbitMQ sends no heartbeats while it sends anything else, and aiormq waits for the frames that it sees."""

type Takes = Callable[[int, bytes], bool]
"""Whether a frame of this type with this payload is taken. The others are aiormq's."""


class Frames(aiormq.TransportFactory):
    """The socket of one connection. Belongs to one event loop."""

    writer: asyncio.StreamWriter

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._takers: dict[int, Takes] = {}
        self._rest = b""
        self._next_heartbeat = 0.0

    async def create(self, url: URL, **given: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """As aiormq's own factories, with a reader that keeps what is taken. Raises AMQPConnectionError."""
        context = given.pop("ssl_context_provider")
        tls = await context.get_context() if url.scheme == "amqps" else None
        reader = _Reader(self, self._loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=self._loop)
        try:
            transport, _ = await self._loop.create_connection(
                lambda: protocol, str(url.host), url.port or 0, ssl=tls, **given
            )
        except OSError as error:
            raise AMQPConnectionError(*error.args) from error
        self.writer = asyncio.StreamWriter(transport, protocol, reader, self._loop)
        return reader, self.writer

    def give(self, channel: int, takes: Takes) -> None:
        """Gives the channel's frames to `takes`, from the next one on."""
        self._takers[channel] = takes

    def split(self, data: bytes) -> bytes:
        """Gives out what is taken, and returns aiormq's frames. Keeps a frame until its last byte has come."""
        data, start = self._rest + data, 0
        others: list[bytes] = []
        while len(data) - start >= FRAME.size:
            kind, channel, payload_bytes = FRAME.unpack_from(data, start)
            end = start + payload_bytes + AROUND_BYTES
            if end > len(data):
                break
            takes = self._takers.get(channel)
            if takes is None or not takes(kind, data[start + FRAME.size : end - 1]):
                others.append(data[start:end])
            start = end
        self._rest = data[start:]
        if self._takers and self._loop.time() >= self._next_heartbeat:
            self._next_heartbeat = self._loop.time() + HEARTBEAT_EVERY_S
            others.append(HEARTBEAT)
        return b"".join(others)

    def end(self) -> bytes:
        """The begin of a frame whose end will not come."""
        rest, self._rest = self._rest, b""
        return rest


class _Reader(asyncio.StreamReader):
    """What aiormq reads."""

    def __init__(self, frames: Frames, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._frames = frames

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        """A frame that cannot be read raises: the event loop then closes the connection, as aiormq would."""
        if others := self._frames.split(bytes(data)):
            super().feed_data(others)

    def feed_eof(self) -> None:
        """Is called twice: at the end of the stream, and when the connection is lost."""
        if rest := self._frames.end():
            super().feed_data(rest)
        super().feed_eof()

"""Writing, flow control and closing of a connection.

The answers to a batch are made one after the other. Each that is written at once wakes its client, who runs before the
next is made: on one core instead of the service, on another one only to sleep again. Written together, at the end of
the turn of the event loop in which they were made, they wake a client of many connections once, and its next requests
come together, too.
"""

import asyncio
from collections.abc import Collection

from common.http_server.limits import HELD_BYTES, HELD_FROM_REQUESTS
from common.runtime.deadlines import Deadline

type Chunk = bytes | memoryview


class Flow:
    """Flow control of a transport. Every wait for the client to read has a time limit, even for the last bytes.

    While HELD_FROM_REQUESTS are `in_progress`, small parts are written at the end of the turn of the event loop.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        answer_timeout_s: float,
        in_progress: Collection[object],
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._in_progress = in_progress
        self._held: Chunk | None = None
        self._answer_timeout_s = answer_timeout_s
        self._sending = Deadline(loop)
        self._writable: asyncio.Event | None = None  # set while the write buffer is full
        self._reading_paused = False

    def write(self, part: Chunk) -> None:
        """Writes the part after all before it, in this turn of the event loop."""
        if len(self._in_progress) >= HELD_FROM_REQUESTS and len(part) <= HELD_BYTES and self._held is None:
            self._held = part
            self._loop.call_soon(self.flush)  # after all that is ready now
        else:
            self.flush()
            self._transport.write(part)

    def flush(self) -> None:
        """Writes what is held, unless the connection is lost."""
        part, self._held = self._held, None
        if part is not None and not self._transport.is_closing():
            self._transport.write(part)

    def write_eof(self) -> None:
        """Closes the sending side. Raises OSError when the client has reset the connection."""
        self.flush()
        self._transport.write_eof()

    def pause_reading(self) -> None:
        """Stops reading from the client."""
        if not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()

    def read_on(self) -> None:
        """Reads from the client again."""
        if self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        """The write buffer is full: the connection is aborted unless the client reads on."""
        self._writable = asyncio.Event()
        self._sending.set(self._answer_timeout_s, self._transport.abort)

    def resume_writing(self) -> None:
        """The client reads again, or has disconnected."""
        self._sending.clear()
        if self._writable is not None:
            self._writable.set()
            self._writable = None

    @property
    def is_writable(self) -> bool:
        """Whether the write buffer has room."""
        return self._writable is None

    async def writable(self) -> None:
        """Returns once the write buffer has room."""
        if self._writable is not None:
            await self._writable.wait()

    def close(self) -> None:
        """Closes once everything is written, within the usual time limit."""
        self.flush()
        self._transport.close()
        if self._transport.get_write_buffer_size():
            self._sending.set(self._answer_timeout_s, self._transport.abort)

    def stop(self) -> None:
        """The connection is lost."""
        self.resume_writing()
        self._sending.stop()

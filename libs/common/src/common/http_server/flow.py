"""Flow control and closing of a connection."""

import asyncio

from common.runtime.deadlines import Deadline


class Flow:
    """Flow control of a transport. Every wait for the client to read has a time limit, even for the last bytes."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, answer_timeout_s: float) -> None:
        self._transport = transport
        self._answer_timeout_s = answer_timeout_s
        self._sending = Deadline(loop)
        self._writable: asyncio.Event | None = None  # set while the write buffer is full
        self._reading_paused = False

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
        self._transport.close()
        if self._transport.get_write_buffer_size():
            self._sending.set(self._answer_timeout_s, self._transport.abort)

    def stop(self) -> None:
        """The connection is lost."""
        self.resume_writing()
        self._sending.stop()

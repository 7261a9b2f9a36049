"""How fast bytes come and go on a connection, and its end."""

import asyncio

from common.runtime.deadlines import Deadline


class Flow:
    """The two directions of a transport. Whatever waits for the client to read has a limit, also the last bytes."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, answer_timeout_s: float) -> None:
        self._transport = transport
        self._answer_timeout_s = answer_timeout_s
        self._sending = Deadline(loop)
        self._writable: asyncio.Event | None = None  # there while the client does not read
        self._reading_paused = False

    def pause_reading(self) -> None:
        """Takes nothing more from the client."""
        if not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()

    def read_on(self) -> None:
        """Takes from the client again."""
        if self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        """The client reads too little: it is cut off unless that changes."""
        self._writable = asyncio.Event()
        self._sending.set(self._answer_timeout_s, self._transport.abort)

    def resume_writing(self) -> None:
        """The client reads again, or is gone."""
        self._sending.clear()
        if self._writable is not None:
            self._writable.set()
            self._writable = None

    async def writable(self) -> None:
        """Returns when the client has read enough of what was written."""
        if self._writable is not None:
            await self._writable.wait()

    def close(self) -> None:
        """Closes once all is written, but waits no longer for the client than for any answer."""
        self._transport.close()
        if self._transport.get_write_buffer_size():
            self._sending.set(self._answer_timeout_s, self._transport.abort)

    def stop(self) -> None:
        """The connection is gone."""
        self.resume_writing()
        self._sending.stop()

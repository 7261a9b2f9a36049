"""The head of an answer and the first bytes of its body, in one write.

uvicorn writes them one after the other, and uvloop hands each to the kernel at once: two system calls for the server,
and often two packets, and so two wake-ups, for the client.
"""

import asyncio

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"  # uvicorn may write it before the head; the client waits for it
JOINED_BYTES = 16 * 1024  # of a body, at most: to copy more would cost more than a second write

type Data = bytes | bytearray | memoryview


class JoinedWrites:
    """The transport of one request, as far as uvicorn's RequestResponseCycle uses it.

    It holds the head until the first part of the body comes, or, where none has come, until the event loop's next turn.
    """

    __slots__ = ("_head", "_head_is_due", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head_is_due = True
        self._head: Data | None = None

    def write(self, data: Data) -> None:
        """Holds `data` when it is the head; else it goes at once, with the head if that is held."""
        if self._head is not None:
            head, self._head = self._head, None
            if len(data) > JOINED_BYTES:
                self._transport.write(head)
            else:
                data = b"".join((head, data))
            self._transport.write(data)
        elif self._head_is_due and data != CONTINUE:
            self._head_is_due = False
            self._head = data
            self._loop.call_soon(self._flush)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Closes the connection once all is written."""
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether the connection is closed, or about to be."""
        return self._transport.is_closing()

    def _flush(self) -> None:
        if self._head is not None:
            head, self._head = self._head, None
            self._transport.write(head)

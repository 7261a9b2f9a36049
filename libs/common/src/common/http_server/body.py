"""Where the body of a request ends, and what of the bytes that arrive belongs to it (RFC 9112, 6 and 7)."""

import re
from collections.abc import Callable
from typing import Protocol

from common.http.problems import HEAD_TOO_LARGE, Problem
from common.http_server.head import CHUNKED, TEXT, TOKEN, malformed

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})((?:;%b)?)" % TEXT)
_TRAILER = re.compile(rb"(?!(?i:content-length|transfer-encoding):)%b:%b" % (TOKEN, TEXT))  # RFC 9110, 6.5.1


class Body(Protocol):
    """A body that is arriving."""

    is_complete: bool

    @property
    def rest_bytes(self) -> int | None:
        """How much is still to come, if that is known."""
        ...

    def take(self, received: bytearray) -> bytes:
        """Removes from the front of `received` what belongs to the body, and returns its content. Raises a problem."""
        ...


class SizedBody:
    """A body whose length stands in the head; one byte or more."""

    def __init__(self, length: int) -> None:
        self.rest_bytes = length
        self.is_complete = False

    def take(self, received: bytearray) -> bytes:
        """As Body says; it raises nothing."""
        if len(received) <= self.rest_bytes:
            part = bytes(received)
            received.clear()
        else:
            part = bytes(received[: self.rest_bytes])
            del received[: self.rest_bytes]
        self.rest_bytes -= len(part)
        self.is_complete = self.rest_bytes == 0
        return part


class ChunkedBody:
    """A body in chunks. Extensions and trailers are checked, bounded and thrown away: whoever heeded a trailer would
    take for a header what the head did not say (RFC 9110, 6.5.1).
    """

    rest_bytes: None = None

    def __init__(self, max_unused_bytes: int) -> None:
        self.is_complete = False
        self._unused_bytes = max_unused_bytes  # of extensions and trailers that may still come
        self._chunk_bytes = 0
        self._step: Callable[[bytearray, bytearray], bool] = self._read_size

    def take(self, received: bytearray) -> bytes:
        """As Body says: 400 for what is no chunk, 431 for too many bytes that are not of the body."""
        content = bytearray()
        while not self.is_complete and self._step(received, content):
            pass
        return bytes(content)

    # Each step returns whether there may be enough for the next.

    def _read_size(self, received: bytearray, _: bytearray) -> bool:
        line = self._line(received)
        if line is None:
            return False
        match = _SIZE.fullmatch(line)
        if match is None:
            raise malformed("The size of a chunk must be a hexadecimal number.")
        self._use(len(match[2]))
        self._chunk_bytes = int(match[1], 16)
        if self._chunk_bytes:
            self._step = self._read_data
        else:
            self._step = self._read_trailer
        return True

    def _read_data(self, received: bytearray, content: bytearray) -> bool:
        part = received[: self._chunk_bytes]
        del received[: len(part)]
        content += part
        self._chunk_bytes -= len(part)
        if self._chunk_bytes == 0:
            self._step = self._read_end_of_data
        return bool(received)

    def _read_end_of_data(self, received: bytearray, _: bytearray) -> bool:
        if not b"\r\n".startswith(received[:2]):
            raise malformed("A chunk must be as long as it says.")
        if len(received) < len(b"\r\n"):
            return False
        del received[:2]
        self._step = self._read_size
        return True

    def _read_trailer(self, received: bytearray, _: bytearray) -> bool:
        line = self._line(received)
        if line is None:
            return False
        self._use(len(line))
        if line and not _TRAILER.fullmatch(line):
            raise malformed("A trailer must be a name and a value, and does not say how long the body is.")
        self.is_complete = not line
        return True

    def _line(self, received: bytearray) -> bytes | None:
        """The next line, once it is there."""
        end = received.find(b"\r\n")
        if end < 0:
            if b"\n" in received:
                raise malformed("Lines end with CR LF.")
            if len(received) > self._unused_bytes:
                self._use(len(received))
            return None
        line = bytes(received[:end])
        del received[: end + 2]
        return line

    def _use(self, unused_bytes: int) -> None:
        self._unused_bytes -= unused_bytes
        if self._unused_bytes < 0:
            raise Problem(HEAD_TOO_LARGE, "The extensions and trailers of the chunks are too large together.")


def arriving_body(body_bytes: int, max_unused_bytes: int) -> Body | None:
    """The body that a head announces with this length; None without one."""
    if body_bytes == 0:
        return None
    return ChunkedBody(max_unused_bytes) if body_bytes == CHUNKED else SizedBody(body_bytes)

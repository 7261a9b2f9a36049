"""Decodes request bodies: where a body ends, and which received bytes belong to it (RFC 9112, 6 and 7)."""

import re
from collections.abc import Callable
from typing import Protocol

from common.http.problems import HEAD_TOO_LARGE, Problem
from common.http_server.head import CHUNKED, TEXT, TOKEN, malformed

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})((?:;%b)?)" % TEXT)
_TRAILER = re.compile(rb"(?!(?i:content-length|transfer-encoding):)%b:%b" % (TOKEN, TEXT))  # RFC 9110, 6.5.1


class Body(Protocol):
    """A body that is being received."""

    is_complete: bool

    @property
    def remaining_bytes(self) -> int | None:
        """How many bytes are still to come; None when unknown."""
        ...

    def take(self, received: bytearray) -> bytes:
        """Removes the body's bytes from the front of `received` and returns their content. Raises a problem."""
        ...


class SizedBody:
    """A body with a Content-Length of one byte or more."""

    def __init__(self, length: int) -> None:
        self.remaining_bytes = length
        self.is_complete = False

    def take(self, received: bytearray) -> bytes:
        """See Body. Raises nothing."""
        if len(received) <= self.remaining_bytes:
            part = bytes(received)
            received.clear()
        else:
            part = bytes(received[: self.remaining_bytes])
            del received[: self.remaining_bytes]
        self.remaining_bytes -= len(part)
        self.is_complete = self.remaining_bytes == 0
        return part


class ChunkedBody:
    """A body in chunks. Extensions and trailers are checked, limited and discarded: a trailer must not pass for a
    header (RFC 9110, 6.5.1).
    """

    remaining_bytes: None = None

    def __init__(self, max_unused_bytes: int) -> None:
        self.is_complete = False
        self._unused_bytes = max_unused_bytes  # budget left for extensions and trailers
        self._chunk_bytes = 0
        self._step: Callable[[bytearray, bytearray], bool] = self._read_size

    def take(self, received: bytearray) -> bytes:
        """See Body. Raises a 400 problem for an invalid chunk, 431 for too many bytes of extensions and trailers."""
        content = bytearray()
        while not self.is_complete and self._step(received, content):
            pass
        return bytes(content)

    # Each step returns whether there may be enough data for the next one.

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
            raise malformed("A chunk must be as long as its size says.")
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
            raise malformed(
                "A trailer must be a name and a value, and must not be Content-Length or Transfer-Encoding."
            )
        self.is_complete = not line
        return True

    def _line(self, received: bytearray) -> bytes | None:
        """The next line; None while it is incomplete."""
        end = received.find(b"\r\n")
        if end < 0:
            if b"\n" in received:
                raise malformed("Lines must end with CR LF.")
            if len(received) > self._unused_bytes:
                self._use(len(received))
            return None
        line = bytes(received[:end])
        del received[: end + 2]
        return line

    def _use(self, unused_bytes: int) -> None:
        self._unused_bytes -= unused_bytes
        if self._unused_bytes < 0:
            raise Problem(HEAD_TOO_LARGE, "The chunk extensions and trailers are too large.")


def make_body(body_bytes: int, max_unused_bytes: int) -> Body | None:
    """The body for this length, as in Head.body_bytes; None without a body."""
    if body_bytes == 0:
        return None
    return ChunkedBody(max_unused_bytes) if body_bytes == CHUNKED else SizedBody(body_bytes)

"""The bytes of an answer."""

import asyncio
from collections.abc import Iterable
from http import HTTPStatus

from common.http_server.head import Head

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CLOSE = (b"connection", b"close")

JOINED_BYTES = 16 * 1024
"""Up to so much of a body goes out with its head: one system call, and one packet for the client. To copy more would
cost more than a second write."""

_CHUNKED = (b"transfer-encoding", b"chunked")
_WITHOUT_BODY = frozenset((HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED))
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}".encode() for status in HTTPStatus}

type Part = bytes | memoryview


def head_bytes(status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The head. Raises ValueError for a header with the end of a line in it: nothing that a client has sent splits an
    answer."""
    lines = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d " % status]
    lines += [name + b": " + value for name, value in headers]
    head = b"\r\n".join((*lines, b"", b""))
    if not head.count(b"\r") == head.count(b"\n") == len(lines) + 1:
        raise ValueError("a header of the answer has more than one line")
    return head


class Answer:
    """An answer that is being written. Its head waits for its body, but not longer than for the next turn of `loop`."""

    __slots__ = ("_has_body", "_held", "_is_chunked", "_left_bytes", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._held: bytes | None = None
        self._left_bytes: int | None = None  # of the body, if the head says how long it is
        self._has_body = self._is_chunked = False
        loop.call_soon(self._flush)

    def start(self, request: Head, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """Writes the head, with what the form of the body demands."""
        for name, value in headers:
            if name == b"content-length":
                self._left_bytes = int(value)
        self._has_body = request.method != "HEAD" and status not in _WITHOUT_BODY
        if self._has_body and self._left_bytes is None and request.version == "1.1":
            self._is_chunked = True  # to HTTP/1.0 the end of the connection tells it
            headers.append(_CHUNKED)
        self._held = head_bytes(status, headers)

    def write(self, part: Part, *, is_last: bool) -> None:
        """Writes a part of the body. Raises RuntimeError when that is not as long as the head says."""
        if self._has_body:
            self._write(self._framed(part, is_last=is_last))
        elif is_last:
            self._write(b"")

    def drop(self) -> None:
        """Writes nothing of what is held."""
        self._held = None

    def _framed(self, part: Part, *, is_last: bool) -> Part:
        if self._is_chunked:
            chunk = b"".join((b"%x\r\n" % len(part), part, b"\r\n")) if part else b""
            return chunk + b"0\r\n\r\n" if is_last else chunk
        if self._left_bytes is not None:
            self._left_bytes -= len(part)
            if self._left_bytes < 0 or (is_last and self._left_bytes):
                raise RuntimeError("the answer is not as long as its head says")
        return part

    def _write(self, part: Part) -> None:
        head, self._held = self._held, None
        if head is not None and len(part) <= JOINED_BYTES:
            part = b"".join((head, part))
        elif head is not None:
            self._transport.write(head)
        if part:
            self._transport.write(part)

    def _flush(self) -> None:
        if self._held is not None and not self._transport.is_closing():
            self._write(b"")

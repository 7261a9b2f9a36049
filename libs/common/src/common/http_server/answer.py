"""Writes HTTP/1.1 responses."""

from collections.abc import Callable, Iterable
from http import HTTPStatus

from common.http_server.flow import Chunk
from common.http_server.head import Head

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CLOSE = (b"connection", b"close")

JOINED_BYTES = 16 * 1024
"""Body bytes, at most, that are written together with the head: one system call and often one packet. Copying more
costs more than a second write."""

_CHUNKED = (b"transfer-encoding", b"chunked")
_WITHOUT_BODY = frozenset((HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED))
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}".encode() for status in HTTPStatus}


def head_bytes(status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The head as bytes. Raises ValueError for a header that contains a line break: client input must not split a
    response."""
    lines = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d " % status]
    lines += [name + b": " + value for name, value in headers]
    head = b"\r\n".join((*lines, b"", b""))
    if not head.count(b"\r") == head.count(b"\n") == len(lines) + 1:
        raise ValueError("a response header contains a line break")
    return head


class Answer:
    """A response that is being written. The head waits for the first part of the body, as ASGI demands."""

    __slots__ = ("_has_body", "_held", "_is_chunked", "_remaining_bytes", "_send")

    def __init__(self, send: Callable[[Chunk], None]) -> None:
        self._send = send
        self._held: bytes | None = None
        self._remaining_bytes: int | None = None  # of the body, if there is a Content-Length
        self._has_body = self._is_chunked = False

    def start(self, request: Head, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """Takes the head, and adds Transfer-Encoding where the body needs it."""
        for name, value in headers:
            if name == b"content-length":
                self._remaining_bytes = int(value)
        self._has_body = request.method != "HEAD" and status not in _WITHOUT_BODY
        if self._has_body and self._remaining_bytes is None and request.version == "1.1":
            self._is_chunked = True  # for HTTP/1.0 the end of the connection marks the end of the body
            headers.append(_CHUNKED)
        self._held = head_bytes(status, headers)

    def write(self, part: Chunk, *, is_last: bool) -> None:
        """Writes a part of the body. Raises RuntimeError when its length differs from Content-Length."""
        if self._has_body:
            self._write(self._framed(part, is_last=is_last))
        elif is_last:
            self._write(b"")

    def drop(self) -> None:
        """Discards a head that was not written yet."""
        self._held = None

    def _framed(self, part: Chunk, *, is_last: bool) -> Chunk:
        if self._is_chunked:
            chunk = b"".join((b"%x\r\n" % len(part), part, b"\r\n")) if part else b""
            return chunk + b"0\r\n\r\n" if is_last else chunk
        if self._remaining_bytes is not None:
            self._remaining_bytes -= len(part)
            if self._remaining_bytes < 0 or (is_last and self._remaining_bytes):
                raise RuntimeError("the response body does not match its Content-Length")
        return part

    def _write(self, part: Chunk) -> None:
        head, self._held = self._held, None
        if head is not None and len(part) <= JOINED_BYTES:
            part = b"".join((head, part))
        elif head is not None:
            self._send(head)
        if part:
            self._send(part)

"""Reads a request's body: the header fields that describe it, and its bytes up to a limit."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import NamedTuple

from starlette.requests import Request

from common.http.problems import BODY_TOO_LARGE, OVERLOADED, UNSUPPORTED_CODING, Problem

_FIELDS = frozenset({b"content-type", b"content-encoding", b"content-length", b"transfer-encoding"})
_IDENTITY = re.compile(rb"[ \t,]*(?:identity[ \t,]*)*", re.IGNORECASE)
_LONGEST_LENGTH_DIGITS = 18


class BodyHead(NamedTuple):
    """The header fields that describe the body. A repeated field has its values joined by a comma."""

    media_type: bytes | None
    length: bytes | None
    is_chunked: bool

    @property
    def has_length(self) -> bool:
        """Whether Content-Length announces a body that is not empty; a chunked body may be empty."""
        return self.length is not None and self.length.strip(b"0") != b""

    def require_size(self, max_bytes: int) -> None:
        """Raises a 413 problem when Content-Length exceeds the limit."""
        length = self.length or b""
        if length.isdigit() and (len(length) > _LONGEST_LENGTH_DIGITS or int(length) > max_bytes):
            raise _too_large(max_bytes)


def read_body_head(headers: Iterable[tuple[bytes, bytes]]) -> BodyHead:
    """Reads the body's header fields. Raises a 415 problem for every content coding but identity.

    The problem names the supported coding in Accept-Encoding (RFC 9110, section 15.5.16).
    """
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _FIELDS:
            found[name] = value if name not in found else found[name] + b", " + value
    coding = found.get(b"content-encoding")
    if coding is not None and not _IDENTITY.fullmatch(coding):
        detail = "Send the body without a Content-Encoding."
        raise Problem(UNSUPPORTED_CODING, detail, headers={"Accept-Encoding": "identity"})
    return BodyHead(found.get(b"content-type"), found.get(b"content-length"), b"transfer-encoding" in found)


class LargeBodies:
    """Reads bodies of up to `max_bytes`. At most `places` beyond `ordinary_bytes` are there at the same time, so that
    their memory is bounded; smaller ones are always read. Belongs to one event loop."""

    def __init__(self, *, max_bytes: int, ordinary_bytes: int, places: int) -> None:
        self.max_bytes = max_bytes
        self.parsing = asyncio.Lock()
        """For those who let one be parsed at a time."""
        self._ordinary_bytes = ordinary_bytes
        self._free_places = places

    @asynccontextmanager
    async def body_of(self, request: Request) -> AsyncIterator[bytes]:
        """The whole body, in memory; it has its place until the context ends. Raises a 413 problem as soon as it is too
        large, and a 503 problem when it is large and no place is free."""
        received = bytearray()
        has_place = False
        try:
            async for chunk in request.stream():
                received += chunk
                if len(received) > self.max_bytes:
                    raise _too_large(self.max_bytes)
                if len(received) > self._ordinary_bytes and not has_place:
                    self._take_place()
                    has_place = True
            yield bytes(received)
        finally:
            self._free_places += has_place

    def _take_place(self) -> None:
        if self._free_places == 0:
            raise Problem(OVERLOADED, "Too many large bodies are arriving. Nothing was done; try again later.")
        self._free_places -= 1


async def read_body(request: Request, *, max_bytes: int) -> bytes:
    """The whole body, in memory. Raises a 413 problem as soon as more than `max_bytes` have arrived."""
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > max_bytes:
            raise _too_large(max_bytes)
    return bytes(received)


def _too_large(max_bytes: int) -> Problem:
    return Problem(BODY_TOO_LARGE, f"The body must not exceed {max_bytes} bytes.")

"""What h11 reads, as the strict reference, and what our protocol does, with the same bytes."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import h11
import uvicorn
from common.http.problems import Problem
from common.http_server.protocol import HttpLimits, with_limits
from uvicorn.server import ServerState

QUIET_TURNS = 10
"""Turns of the event loop without a visible step, after which an app that waits for nothing else has none to make: the
longest way between two steps, from an answer to the start of the next request, takes four."""


@dataclass(frozen=True)
class Request:
    """A request as it was read; without `is_complete`, its body was not, or has an error."""

    method: bytes
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    is_complete: bool


@dataclass(frozen=True)
class Reading:
    """The requests of one connection, in order, and whether it ended in an error."""

    requests: list[Request]
    is_error: bool


def read_by_h11(packets: Sequence[bytes]) -> Reading:
    """As a server on h11 would read them, which answers each request when it is complete.

    Each request gets a parser of its own, which is not shown the empty lines before it: h11 takes these for an error,
    and RFC 9112, 2.2 wants them ignored.
    """
    requests: list[Request] = []
    left = list(packets)
    while left:
        parser = _OneRequest()
        try:
            left = parser.read(left)
        except h11.RemoteProtocolError:
            return Reading([*requests, *parser.begun()], is_error=True)
        requests += parser.begun()
        if not parser.is_kept:
            break
    return Reading(requests, is_error=False)


class _OneRequest:
    def __init__(self) -> None:
        self.is_kept = False
        self._connection = h11.Connection(h11.SERVER, max_incomplete_event_size=32 * 1024)
        self._head: h11.Request | None = None
        self._body = b""
        self._is_complete = False

    def begun(self) -> list[Request]:
        """The request, if its head was read."""
        if self._head is None:
            return []
        headers = tuple((bytes(name), bytes(value)) for name, value in self._head.headers)
        return [Request(self._head.method, self._head.target, headers, self._body, self._is_complete)]

    def read(self, packets: list[bytes]) -> list[bytes]:
        """What is left of the packets after the request."""
        before = b""
        for number, packet in enumerate(packets, 1):
            before += packet
            while before.startswith(b"\r\n") and self._is_idle():
                before = before[2:]
            if before == b"\r" and self._is_idle():
                continue
            self._connection.receive_data(before) if before else None
            before = b""
            if self._read_events():
                rest, _ = self._connection.trailing_data
                return [part for part in (rest, *packets[number:]) if part]
        return []

    def _is_idle(self) -> bool:
        return self._head is None and not self._connection.trailing_data[0]

    def _read_events(self) -> bool:
        """Whether the request is complete."""
        while True:
            event = self._connection.next_event()
            if isinstance(event, h11.Request):
                self._head = event
            elif isinstance(event, h11.Data):
                self._body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                self._is_complete = True
                self.is_kept = self._connection.their_state is not h11.MUST_CLOSE
                return True
            else:
                return False


class Wire(asyncio.Transport):
    """A transport whose other end keeps what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.is_closed, "written after the close"
        self.written += data

    def write_eof(self) -> None:
        self.is_closed = True

    def close(self) -> None:
        self.is_closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.is_closed

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        """Nothing more is sent than fits."""

    resume_reading = pause_reading


@dataclass
class Recorder:
    """An app that reads every body and answers 200."""

    requests: list[Request] = field(default_factory=list)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        fields = scope["method"].encode(), target, tuple(scope["headers"])
        body = b""
        message: dict[str, Any] = {"more_body": True}
        try:
            while message.get("more_body"):
                message = await receive()
                body += message.get("body", b"")
        except Problem as problem:
            self.requests.append(Request(*fields, body, is_complete=False))
            await self._answer(send, problem.kind.status)
            return
        is_complete = message["type"] == "http.request"
        self.requests.append(Request(*fields, body, is_complete))
        if is_complete:
            await self._answer(send, HTTPStatus.OK)

    async def _answer(self, send: Any, status: HTTPStatus) -> None:
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})


async def read_by_us(packets: Sequence[bytes]) -> tuple[Reading, bytes]:
    """What our protocol gives to an app, and what it writes."""
    recorder, wire = Recorder(), Wire()
    config = uvicorn.Config(recorder, http=with_limits(HttpLimits()), lifespan="off", log_config=None)
    config.load()
    make: Any = config.http_protocol_class
    protocol = make(config=config, server_state=ServerState(), app_state={})
    protocol.connection_made(wire)
    for packet in packets:
        protocol.data_received(packet)
        await _settle(recorder, wire)
    ended = wire.is_closed
    protocol.connection_lost(None)
    await _settle(recorder, wire)
    is_refused = any(line.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5")) for line in wire.written.split(b"\r\n"))
    return Reading(recorder.requests, is_error=ended and is_refused), bytes(wire.written)


async def _settle(recorder: Recorder, wire: Wire) -> None:
    """Returns when nothing more comes of what was sent."""
    seen, quiet_turns = (-1, -1, False), 0
    while quiet_turns < QUIET_TURNS:
        await asyncio.sleep(0)
        now = (len(recorder.requests), len(wire.written), wire.is_closed)
        quiet_turns = quiet_turns + 1 if now == seen else 0
        seen = now

"""uvicorn's HTTP protocol with what a server on the open network needs: limits, and a problem for every refusal.

uvicorn waits for ever for a head that never ends and for a client that does not read, and its own limit of connections
answers in plain text. What costs something here is set up once per connection, and not per request.
"""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from common.joined_writes import JoinedWrites
from common.problems import (
    HEAD_TOO_LARGE,
    MALFORMED_REQUEST,
    MEDIA_TYPE,
    OVERLOADED,
    RETRY_AFTER_S,
    SLOW_HEAD,
    Problem,
    problem_bytes,
    problem_response,
)
from common.request_ids import HEADER, new_request_id
from common.request_metrics import count_refusal

TURNED_AWAY_WITHIN_S = 1.0
"""For the first bytes of a connection that is one too many: only then can it be told so."""

LINGER_S = 1.0
"""How long a refused client may go on sending: to close at once would be a reset, which may overtake the answer."""


@dataclass(frozen=True)
class HttpLimits:
    """What one process grants to its clients."""

    head_bytes: int = 32 * 1024
    head_timeout_s: float = 10.0
    answer_timeout_s: float = 30.0
    connections: int = 10_000
    requests: int = 5_000


class LimitedHttpProtocol(HttpToolsProtocol):
    """One connection under `limits`; errors below the app are problem answers."""

    limits: ClassVar[HttpLimits] = HttpLimits()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._in_head = False
        self._chunk_bytes = self._head_bytes = 0  # of the last packet, and of the head's packets after its first
        self._refusal: Problem | None = None
        self._refused = False
        self._sending: asyncio.TimerHandle | None = None
        self._turned_away = len(self.connections) > self.limits.connections
        if self._turned_away:
            self.connections.discard(self)  # it takes nobody's place
        limit_s = TURNED_AWAY_WITHIN_S if self._turned_away else self.limits.head_timeout_s
        self._receiving: asyncio.TimerHandle | None = self.loop.call_later(limit_s, self._received_too_slowly)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_receiving_timer()
        super().connection_lost(exc)
        self._stop_sending_timer()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._turned_away:
            self._refuse(Problem(OVERLOADED, "There are too many connections. Try again later."))
            return
        self._chunk_bytes = len(data)
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and not self._refused:
            if self._head_bytes > self.limits.head_bytes:
                self._refuse(self._too_large())
            else:
                self._start_receiving_timer()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_receiving_timer()
        if self._chunk_bytes + self._head_bytes > self.limits.head_bytes and self._is_too_large():
            self._refusal = self._too_large()
            raise ValueError  # ends the parser, and comes back as send_400_response
        if len(self.tasks) < self.limits.requests:
            super().on_headers_complete()
        else:
            app, self.app = self.app, _answer_overloaded
            super().on_headers_complete()
            self.app = app
        self.cycle.transport = JoinedWrites(self.transport, self.loop)  # type: ignore[assignment]  # all that it uses

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._stop_receiving_timer()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.more_body and self.cycle.response_complete:  # nobody reads the rest; it must come to an end
            self._start_receiving_timer()

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._refusal or Problem(MALFORMED_REQUEST, "The request could not be parsed as HTTP/1.1."))

    def pause_writing(self) -> None:
        super().pause_writing()
        self._sending = self.loop.call_later(self.limits.answer_timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_sending_timer()

    def timeout_keep_alive_handler(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()  # to close it would wait for a client that does not read
        else:
            super().timeout_keep_alive_handler()

    def _is_too_large(self) -> bool:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > self.limits.head_bytes

    def _too_large(self) -> Problem:
        return Problem(HEAD_TOO_LARGE, f"Address and headers may have {self.limits.head_bytes} bytes together.")

    def _start_receiving_timer(self) -> None:
        if self._receiving is None:
            self._receiving = self.loop.call_later(self.limits.head_timeout_s, self._received_too_slowly)

    def _stop_receiving_timer(self) -> None:
        if self._receiving is not None:
            self._receiving.cancel()
            self._receiving = None

    def _stop_sending_timer(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None

    def _received_too_slowly(self) -> None:
        self._receiving = None
        if self._refused or self.transport.is_closing():
            self.transport.abort()
        elif self.cycle is not None and not self.cycle.response_complete:  # the request before is still answered
            self._start_receiving_timer()
        elif self._in_head:
            self._refuse(Problem(SLOW_HEAD, f"A head must arrive within {self.limits.head_timeout_s:g} seconds."))
        else:
            self.transport.close()

    def _refuse(self, problem: Problem) -> None:
        """Answers without the app, and ends the connection once the client does, or after LINGER_S."""
        count_refusal(problem.kind)
        body = problem_bytes(problem.kind, problem.detail)
        status = problem.kind.status
        retry = f"retry-after: {RETRY_AFTER_S}\r\n" if status == HTTPStatus.SERVICE_UNAVAILABLE else ""
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n{retry}"
            f"content-length: {len(body)}\r\n{HEADER}: {new_request_id()}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.write_eof()
        self._refused = True
        self._stop_receiving_timer()
        self._receiving = self.loop.call_later(LINGER_S, self._received_too_slowly)


def with_limits(given: HttpLimits) -> type[LimitedHttpProtocol]:
    """The protocol class under these limits, as uvicorn's `http` takes it."""

    class Limited(LimitedHttpProtocol):
        limits = given

    return Limited


async def _answer_overloaded(scope: Scope, receive: Receive, send: Send) -> None:
    count_refusal(OVERLOADED)
    detail = "Too many requests are in hand. Nothing was done; try again later."
    problem = Problem(OVERLOADED, detail, headers={HEADER: new_request_id()})
    await problem_response(problem)(scope, receive, send)

"""A connection of HTTP/1.1 under uvicorn, with what a server on the open network needs (ADR 14).

One request at a time: the next one is not looked at before the last is answered and all of its body has gone by. So
answers cannot change places, and nothing of a body can be taken for a request. In every state the client has a limit of
time, and what it sends has one of size; each refusal is a problem.
"""

import asyncio
from contextvars import copy_context
from typing import Any, ClassVar

import uvicorn
from uvicorn.server import ServerState

from common.http.problems import OVERLOADED, SLOW_BODY, SLOW_HEAD, Problem
from common.http.request_metrics import count_refusal
from common.http_server.admission import Admission, too_many_requests
from common.http_server.asgi_scope import Ends, asgi_scope
from common.http_server.body import arriving_body
from common.http_server.ending import Ending
from common.http_server.exchange import App, Exchange
from common.http_server.flow import Flow
from common.http_server.head import Head
from common.http_server.head_buffer import HeadBuffer
from common.http_server.limits import HELD_BYTES, TURNED_AWAY_WITHIN_S, HttpLimits
from common.http_server.refusals import HeadersForOrigin, nobody, refusal
from common.runtime.deadlines import Deadline

__all__ = ["HttpLimits", "LimitedHttpProtocol", "with_limits"]


class LimitedHttpProtocol(asyncio.Protocol):
    """One connection under `limits`; errors below the app are problem answers."""

    limits: ClassVar[HttpLimits] = HttpLimits()
    admission: ClassVar[Admission] = Admission(limits.requests)

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.loop = _loop or asyncio.get_running_loop()
        self.state = server_state
        self._connections: set[Any] = server_state.connections  # uvicorn names its own protocols alone
        self._app: App = config.loaded_app
        self._headers_for_origin: HeadersForOrigin = getattr(config.loaded_app, "headers_for_origin", nobody)
        self._app_state = app_state
        self._receiving = Deadline(self.loop)
        self._heads = HeadBuffer(self.limits.head_bytes)
        self._head_is_due = True
        self._exchange: Exchange | None = None
        self._body_is_due = False
        self._turned_away = self._at_end = False

    # What asyncio calls.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        self.transport = transport
        self._context = copy_context()
        self.flow = Flow(transport, self.loop, self.limits.answer_timeout_s)
        self._end = Ending(transport, self.flow, self._receiving)
        self._ends = Ends.of(transport)
        self._turned_away = len(self._connections) >= self.limits.connections
        if self._turned_away:  # it takes nobody's place
            self._receiving.set(TURNED_AWAY_WITHIN_S, transport.abort)
        else:
            self._connections.add(self)
            self._receiving.set(self.limits.head_timeout_s, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._end.has_begun = True
        self._receiving.stop()
        if self._exchange is not None:
            self.admission.forget(self._exchange)
            self._exchange.disconnect()
        self.flow.stop()

    def data_received(self, data: bytes) -> None:
        if self._end.has_begun:
            return  # what follows a refusal
        self._heads.received += data
        if self._turned_away:
            self._refuse(Problem(OVERLOADED, "There are too many connections. Try again later."))
        else:
            self._advance()

    def eof_received(self) -> bool:
        """Whether the connection stays: a client that only sends no more still reads its answer."""
        self._at_end = True
        self._advance()  # a request may be waiting for its turn
        exchange = self._exchange
        if exchange is None or exchange.answered or self._end.has_begun:
            return False
        if not exchange.incoming.is_complete:
            exchange.cut_off()
        return True

    def pause_writing(self) -> None:
        self.flow.pause_writing()

    def resume_writing(self) -> None:
        self.flow.resume_writing()

    # What uvicorn calls.

    def shutdown(self) -> None:
        """Closes, once the request in hand is answered."""
        if self._exchange is None:
            self._end.close()
        else:
            self._exchange.keeps_alive = False

    # What the exchange in hand calls: see Connection.

    def await_body(self) -> None:
        if self._exchange is not None:
            self.admission.await_body(self._exchange)
            self.flow.read_on()

    def body_arrived(self) -> None:
        if self._exchange is not None:
            self.admission.body_arrived(self._exchange, len(self.state.tasks))

    def answered(self) -> None:
        self.state.total_requests += 1
        exchange = self._exchange
        if exchange is None or self._end.has_begun:
            return
        self.admission.forget(exchange)
        if not exchange.keeps_alive:
            self._finish()
        elif exchange.incoming.is_complete:
            self._await_request()
            if self._heads.received or self._at_end:  # not in the context of the request that was answered
                self.loop.call_soon(self._advance, context=self._context)
        else:
            self._receiving.set(self.limits.head_timeout_s, self._finish)
            self.flow.read_on()

    def answer_failure(self, problem: Problem) -> None:
        if not self._end.has_begun:
            self._refuse(problem)

    # The states of a connection.

    def _advance(self) -> None:
        """Goes as far as what has arrived allows."""
        while self._heads.received and not self._end.has_begun:
            exchange = self._exchange
            if exchange is None:
                self._begin()
            else:
                self._receive_body(exchange)
            if self._exchange is exchange:
                break
        if self._at_end and self._exchange is None and not self._end.has_begun:
            self._finish()
        elif self._exchange is not None and len(self._heads.received) > HELD_BYTES:
            self.flow.pause_reading()

    def _await_request(self) -> None:
        self._exchange = None
        self._head_is_due = False
        self._receiving.set(self.limits.keep_alive_s, self._end.close)
        self.flow.read_on()

    def _begin(self) -> None:
        """Begins the next request, if its head is whole."""
        try:
            head = self._heads.read()
        except Problem as problem:
            self._refuse(problem)
            return
        if head is not None:
            self._start(head)
        elif self._heads.has_begun and not self._head_is_due:
            self._head_is_due = True
            self._receiving.set(self.limits.head_timeout_s, self._head_is_late)

    def _start(self, head: Head) -> None:
        self._receiving.clear()
        exchange = self._exchange = Exchange(self, head, arriving_body(head.body_bytes, self.limits.head_bytes))
        self._body_is_due = False
        tasks = self.state.tasks
        if self.admission.has_room(len(tasks)):
            task = self.loop.create_task(exchange.run(self._app, asgi_scope(head, self._ends, self._app_state)))
            tasks.add(task)  # which leaves it by itself
        else:
            count_refusal(OVERLOADED)
            exchange.answer(refusal(too_many_requests(), self._heads.last_head, self._headers_for_origin))
        if self._exchange is exchange:
            self._receive_body(exchange)

    def _receive_body(self, exchange: Exchange) -> None:
        """Takes what has come of the body."""
        incoming = exchange.incoming
        incoming.take(self._heads.received, is_wanted=not exchange.answered)
        if incoming.failure is not None:
            exchange.keeps_alive = False
        if exchange.answered:
            if incoming.is_complete:
                self._await_request()
            elif incoming.is_too_much or incoming.failure is not None:
                self._finish()
        elif incoming.is_complete:
            self._receiving.clear()
        elif not self._body_is_due:
            self._body_is_due = True
            self._receiving.set(self.limits.body_timeout_s, self._body_is_late)
        if len(incoming.held) > HELD_BYTES:
            self.flow.pause_reading()

    def _head_is_late(self) -> None:
        if self._heads.has_begun:
            problem = Problem(SLOW_HEAD, f"A head must arrive within {self.limits.head_timeout_s:g} seconds.")
            self._refuse(problem)
        else:
            self._end.close()

    def _body_is_late(self) -> None:
        if self._exchange is not None:
            detail = f"The body must arrive within {self.limits.body_timeout_s:g} seconds."
            self._exchange.fail(Problem(SLOW_BODY, detail))

    def _refuse(self, problem: Problem) -> None:
        """Answers without the app, and ends the connection."""
        self._end.refuse(problem, self._heads.last_head, self.state, self._headers_for_origin)
        self._heads.received.clear()

    def _finish(self) -> None:
        """Ends the connection after its last answer."""
        self._heads.received.clear()
        if self._at_end:
            self._end.close()
        else:
            self._end.linger()


def with_limits(given: HttpLimits) -> type[LimitedHttpProtocol]:
    """The protocol class under these limits, as uvicorn's `http` takes it."""

    class Limited(LimitedHttpProtocol):
        limits = given
        admission = Admission(given.requests)

    return Limited

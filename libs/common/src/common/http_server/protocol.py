"""An HTTP/1.1 protocol for uvicorn, hardened for the open network (ADR 14).

One request at a time: the next is not parsed before the previous one is answered and its whole body was read. So
responses stay in order, and no part of a body can be taken for a request. Every state has a time limit, all input has a
size limit, and every rejection is a problem response.
"""

import asyncio
from contextvars import copy_context
from typing import Any, ClassVar

import uvicorn
from uvicorn.server import ServerState

from common.http.problems import OVERLOADED, SLOW_BODY, SLOW_HEAD, Problem
from common.http.request_metrics import count_refusal
from common.http_server.admission import Admission, too_many_requests
from common.http_server.asgi_scope import Addresses, asgi_scope
from common.http_server.body_decoding import make_body
from common.http_server.ending import Ending
from common.http_server.flow import Flow
from common.http_server.head import Head
from common.http_server.head_buffer import HeadBuffer
from common.http_server.limits import READ_AHEAD_BYTES, REJECT_WITHIN_S, HttpLimits
from common.http_server.refusals import HeadersForOrigin, no_cors_headers, refusal
from common.http_server.request_cycle import App, RequestCycle
from common.runtime.deadlines import Deadline

__all__ = ["HttpLimits", "LimitedHttpProtocol", "with_limits"]


class LimitedHttpProtocol(asyncio.Protocol):
    """One connection under `limits`; errors below the app are problem responses."""

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
        self._connections: set[Any] = server_state.connections  # uvicorn's type allows only its own protocols
        self._app: App = config.loaded_app
        self._headers_for_origin: HeadersForOrigin = getattr(config.loaded_app, "headers_for_origin", no_cors_headers)
        self._app_state = app_state
        self._receiving = Deadline(self.loop)
        self._heads = HeadBuffer(self.limits.head_bytes)
        self._head_is_due = True
        self._cycle: RequestCycle | None = None
        self._body_is_due = self._is_rejected = self._at_end = False

    # Called by asyncio.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        self.transport = transport
        self._context = copy_context()
        self.flow = Flow(transport, self.loop, self.limits.answer_timeout_s, self.state.tasks)
        self._end = Ending(transport, self.flow, self._receiving)
        self._addresses = Addresses.of(transport)
        self._is_rejected = len(self._connections) >= self.limits.connections
        if self._is_rejected:  # it does not count as a connection
            self._receiving.set(REJECT_WITHIN_S, transport.abort)
        else:
            self._connections.add(self)
            self._receiving.set(self.limits.head_timeout_s, self._head_timed_out)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._end.has_begun = True
        self._receiving.stop()
        if self._cycle is not None:
            self.admission.forget(self._cycle)
            self._cycle.disconnect()
        self.flow.stop()

    def data_received(self, data: bytes) -> None:
        if self._end.has_begun:
            return  # data after the closing response
        self._heads.received += data
        if self._is_rejected:
            self._refuse(Problem(OVERLOADED, "Too many connections. Try again later."))
        else:
            self._advance()

    def eof_received(self) -> bool:
        """Whether the connection stays open: a half-closed client still reads its response."""
        self._at_end = True
        self._advance()  # a request may be buffered
        cycle = self._cycle
        if cycle is None or cycle.answered or self._end.has_begun:
            return False
        cycle.cut_off()
        return True

    def pause_writing(self) -> None:
        self.flow.pause_writing()

    def resume_writing(self) -> None:
        self.flow.resume_writing()

    # Called by uvicorn and by draining.py.

    def shutdown(self) -> None:
        """Closes once the current request is answered."""
        if self._cycle is None:
            self._end.close()
        else:
            self._cycle.drain()

    def end_stream(self) -> None:
        """Ends a response that would stay open for ever, and the connection with it."""
        if self._cycle is not None and self._cycle.stream is not None:
            self._cycle.drain()

    # Called by the current request cycle: see Connection.

    def await_body(self) -> None:
        if self._cycle is not None:
            self.admission.await_body(self._cycle)
            self.flow.read_on()

    def body_arrived(self) -> None:
        if self._cycle is not None:
            self.admission.body_arrived(self._cycle, len(self.state.tasks))

    def answered(self) -> None:
        self.state.total_requests += 1
        cycle = self._cycle
        if cycle is None or self._end.has_begun:
            return
        self.admission.forget(cycle)
        if not cycle.keeps_alive:
            self._finish()
        elif cycle.incoming.is_complete:
            self._await_request()
            if self._heads.received or self._at_end:  # not in the answered request's context
                self.loop.call_soon(self._advance, context=self._context)
        else:
            self._receiving.set(self.limits.head_timeout_s, self._finish)
            self.flow.read_on()

    def answer_failure(self, problem: Problem) -> None:
        if not self._end.has_begun:
            self._refuse(problem)

    # The states of a connection.

    def _advance(self) -> None:
        """Processes the received data as far as possible."""
        while self._heads.received and not self._end.has_begun:
            cycle = self._cycle
            if cycle is None:
                self._begin()
            else:
                self._receive_body(cycle)
            if self._cycle is cycle:
                break
        if self._at_end and self._cycle is None and not self._end.has_begun:
            self._finish()
        elif self._cycle is not None and len(self._heads.received) > READ_AHEAD_BYTES:
            self.flow.pause_reading()

    def _await_request(self) -> None:
        self._cycle = None
        self._head_is_due = False
        self._receiving.set(self.limits.keep_alive_s, self._end.close)
        self.flow.read_on()

    def _begin(self) -> None:
        """Starts the next request, if its head is complete."""
        try:
            head = self._heads.read()
        except Problem as problem:
            self._refuse(problem)
            return
        if head is not None:
            self._start(head)
        elif self._heads.has_begun and not self._head_is_due:
            self._head_is_due = True
            self._receiving.set(self.limits.head_timeout_s, self._head_timed_out)

    def _start(self, head: Head) -> None:
        self._receiving.clear()
        cycle = self._cycle = RequestCycle(self, head, make_body(head.body_bytes, self.limits.head_bytes))
        self._body_is_due = False
        if self.admission.has_room(len(self.state.tasks)):
            scope = asgi_scope(head, self._addresses, self._app_state)
            self.state.tasks.add(self.loop.create_task(cycle.run(self._app, scope)))  # the task removes itself
        else:
            count_refusal(OVERLOADED)
            cycle.answer(refusal(too_many_requests(), self._heads.last_head, self._headers_for_origin))
        if self._cycle is cycle:
            self._receive_body(cycle)

    def _receive_body(self, cycle: RequestCycle) -> None:
        """Takes the part of the body that has arrived."""
        incoming = cycle.incoming
        incoming.take(self._heads.received, is_wanted=not cycle.answered)
        if incoming.failure is not None:
            cycle.keeps_alive = False
        if cycle.answered:
            if incoming.is_complete:
                self._await_request()
            elif incoming.exceeds_discard_limit or incoming.failure is not None:
                self._finish()
        elif incoming.is_complete:
            self._receiving.clear()
        elif not self._body_is_due:
            self._body_is_due = True
            self._receiving.set(self.limits.body_timeout_s, self._body_timed_out)
        if len(incoming.held) > READ_AHEAD_BYTES:
            self.flow.pause_reading()

    def _head_timed_out(self) -> None:
        if self._heads.has_begun:
            problem = Problem(SLOW_HEAD, f"The request head must arrive within {self.limits.head_timeout_s:g} seconds.")
            self._refuse(problem)
        else:
            self._end.close()

    def _body_timed_out(self) -> None:
        if self._cycle is not None:
            self._cycle.fail(Problem(SLOW_BODY, f"The body must arrive within {self.limits.body_timeout_s:g} seconds."))

    def _refuse(self, problem: Problem) -> None:
        """Answers without the app, and closes the connection."""
        self._end.refuse(problem, self._heads.last_head, self.state, self._headers_for_origin)
        self._heads.received.clear()

    def _finish(self) -> None:
        """Closes the connection after its last response."""
        self._heads.received.clear()
        self._end.close() if self._at_end else self._end.lingering_close()


def with_limits(given: HttpLimits) -> type[LimitedHttpProtocol]:
    """A protocol class with these limits, for uvicorn's `http` option."""

    class Limited(LimitedHttpProtocol):
        limits = given
        admission = Admission(given.requests)

    return Limited

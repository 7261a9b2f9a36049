"""One request and its response: the ASGI receive and send of a connection."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http import HTTPStatus
from typing import Any, Protocol

from uvicorn.server import ServerState

from common.http.problems import INTERNAL, Problem
from common.http_server.answer import CLOSE, CONTINUE, Answer
from common.http_server.body_decoding import Body
from common.http_server.flow import Chunk, Flow
from common.http_server.head import Head
from common.http_server.incoming import Incoming, Receiver
from common.http_server.open_answer import STREAM, Stream
from common.http_server.refusals import Header, Refusal

log = logging.getLogger(__name__)

type Message = MutableMapping[str, Any]
type App = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]


class Connection(Receiver, Protocol):
    """What a request cycle needs from its connection."""

    transport: asyncio.Transport
    flow: Flow
    state: ServerState

    def answered(self) -> None:
        """The response is complete."""
        ...

    def answer_failure(self, problem: Problem) -> None:
        """Answers a request whose app has failed, and closes the connection."""
        ...


class RequestCycle:
    """`keeps_alive`: whether the connection stays open after the response. `stream` writes it once the app has left it
    open: the cycle is then its open answer."""

    def __init__(self, connection: Connection, head: Head, body: Body | None) -> None:
        self.incoming = Incoming(connection, body)
        self.keeps_alive = head.keeps_alive
        self.answered = False
        self.stream: Stream | None = None
        self._connection = connection
        self._head = head
        self._owes_continue = head.expects_continue and body is not None
        self._is_disconnected = False
        self._answer: Answer | None = None

    async def run(self, app: App, scope: Message) -> None:
        """Runs the app on the request."""
        try:
            await app(scope, self.receive, self.send)
        except asyncio.CancelledError:
            self._abort_answer()
            raise
        except Exception:
            log.exception("unhandled exception in the app: %s", self._head.method)
            self._abort_answer()
        else:
            if not self.answered and not self._is_disconnected and self.stream is None:
                log.error("the app returned without answering %s", self._head.method)
                self._abort_answer()
        finally:
            self._connection.state.tasks.discard(asyncio.current_task())

    def fail(self, problem: Problem) -> None:
        """The rest of the body is not available: the app's receive raises this problem, and the connection closes
        afterwards."""
        self.keeps_alive = False
        self.incoming.fail(problem)

    def cut_off(self) -> None:
        """The client has closed its sending side, perhaps before the body was complete. It may still read a response;
        but whoever waits for events has no reason to half-close, and is gone."""
        if self.stream is not None:
            self._connection.transport.abort()
        elif not self.incoming.is_complete:
            self.keeps_alive = False
            self.incoming.end()

    def disconnect(self) -> None:
        """The client has disconnected."""
        self._is_disconnected = True
        self.incoming.end()
        if self.stream is not None and not self.answered:
            self.stream.lost()

    def drain(self) -> None:
        """The connection closes after this response. One that would stay open for ever ends now."""
        self.keeps_alive = False
        if self.stream is not None and not self.answered:
            self.stream.drain()

    async def receive(self) -> Message:
        """ASGI's receive. Raises a problem when the body is malformed, too slow, or complete only when the server is
        overloaded."""
        if self._owes_continue and not self.incoming.has_begun and not self.incoming.is_over:
            self._connection.flow.write(CONTINUE)
        self._owes_continue = False
        received = await self.incoming.receive()
        if received is None:
            return {"type": "http.disconnect"}
        part, has_more = received
        return {"type": "http.request", "body": part, "more_body": has_more}

    async def send(self, message: Message) -> None:
        """ASGI's send. Messages to a disconnected client are dropped."""
        if not (self._is_disconnected or self._connection.flow.is_writable):
            await self._connection.flow.writable()
        if self._is_disconnected:
            if message["type"] == STREAM:
                message["stream"].lost()
            return
        if message["type"] == "http.response.start" and self._answer is None:
            self._start(message["status"], message.get("headers", ()))
        elif message["type"] == "http.response.body" and self._answer is not None and not self.answered:
            self._write_body(message.get("body", b""), is_last=not message.get("more_body", False))
        elif message["type"] == STREAM and self._answer is not None and not self.answered:
            self._leave_open(message["stream"])
        else:
            raise RuntimeError(f"{message['type']} is out of order")

    @property
    def is_writable(self) -> bool:
        return self._connection.flow.is_writable

    def write(self, part: bytes) -> None:
        self._write_body(part, is_last=False)

    def end(self, part: bytes) -> None:
        self._write_body(part, is_last=True)

    def _leave_open(self, stream: Stream) -> None:
        self.stream = stream
        stream.opened(self)
        if CLOSE in self._connection.state.default_headers:  # the server stops
            self.drain()

    def answer(self, refusal: Refusal) -> None:
        """Answers without the app."""
        self._start(refusal.status, refusal.headers)
        self._write_body(refusal.body, is_last=True)

    def _start(self, status: int, headers: Iterable[Header]) -> None:
        sent = [*self._connection.state.default_headers, *headers]
        if CLOSE in sent or self._abandons_body(status):
            self.keeps_alive = False
        if not self.keeps_alive and CLOSE not in sent:
            sent.append(CLOSE)
        self._answer = Answer(self._connection.flow.write)
        self._answer.start(self._head, status, sent)

    def _write_body(self, part: Chunk, *, is_last: bool) -> None:
        assert self._answer is not None  # noqa: S101 - the head was started before
        self._answer.write(part, is_last=is_last)
        if is_last:
            self.answered = True
            self.incoming.end()
            self._connection.answered()

    def _abandons_body(self, status: int) -> bool:
        """Whether the rest of the body is too large to discard, may be so, or may never come (RFC 9110, 10.1.1).

        The answer has to say so: a close after one that promised otherwise may take the client's next request with it.
        """
        incoming = self.incoming
        if incoming.is_complete:
            return False
        may_be_too_much = incoming.exceeds_discard_limit or incoming.has_unknown_rest
        return may_be_too_much or self._owes_continue or status == HTTPStatus.REQUEST_TIMEOUT

    def _abort_answer(self) -> None:
        if self.answered:
            return  # raised after it, as Starlette raises each exception again; the next request may be running
        if self._answer is not None:
            self._answer.drop()
            self._connection.transport.abort()  # the client must not take a truncated response for a complete one
        elif not self._is_disconnected:
            self._connection.answer_failure(
                Problem(INTERNAL, "The error has been logged. It was not caused by your request.")
            )

"""How a connection ends: with an answer that the server gives by itself, after the last of the app, or in silence."""

import asyncio

from uvicorn.server import ServerState

from common.http.problems import Problem
from common.http.request_metrics import count_refusal
from common.http_server.flow import Flow
from common.http_server.limits import LINGER_S
from common.http_server.refusals import HeadersForOrigin, last_bytes, refusal
from common.runtime.deadlines import Deadline


class Ending:
    """The end of one connection; once it `has_begun`, what the client sends is thrown away.

    A client that is still sending is let go on for LINGER_S: to close at once would be a reset, which may overtake the
    answer.
    """

    def __init__(self, transport: asyncio.Transport, flow: Flow, receiving: Deadline) -> None:
        self.has_begun = False
        self._transport = transport
        self._flow = flow
        self._receiving = receiving

    def refuse(self, problem: Problem, received: bytes, state: ServerState, for_origin: HeadersForOrigin) -> None:
        """Answers what begins with `received`, without the app."""
        count_refusal(problem.kind)
        answer = refusal(problem, received, for_origin)
        has_body = not received.startswith(b"HEAD ")
        self._transport.write(last_bytes(answer, state.default_headers, has_body=has_body))
        self.linger()

    def linger(self) -> None:
        """Says that nothing more comes, and closes when the client has done so too, or a little later."""
        self.has_begun = True
        self._transport.write_eof()
        self._flow.read_on()
        self._receiving.set(LINGER_S, self.close)

    def close(self) -> None:
        """Closes when all is written."""
        self.has_begun = True
        self._receiving.clear()
        self._flow.close()

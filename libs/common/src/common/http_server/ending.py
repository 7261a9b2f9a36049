"""Closes a connection: with a response of the server itself, after the app's last response, or without one."""

import asyncio
from contextlib import suppress

from uvicorn.server import ServerState

from common.http.problems import Problem
from common.http.request_metrics import count_refusal
from common.http_server.flow import Flow
from common.http_server.limits import LINGERING_CLOSE_S
from common.http_server.refusals import HeadersForOrigin, last_bytes, refusal
from common.runtime.deadlines import Deadline


class Ending:
    """The end of one connection; once it `has_begun`, what the client sends is discarded.

    A client that is still sending may go on for LINGERING_CLOSE_S: an immediate close would send a reset, which may
    overtake the answer.
    """

    def __init__(self, transport: asyncio.Transport, flow: Flow, receiving: Deadline) -> None:
        self.has_begun = False
        self._transport = transport
        self._flow = flow
        self._receiving = receiving

    def refuse(self, problem: Problem, received: bytes, state: ServerState, for_origin: HeadersForOrigin) -> None:
        """Answers the request that begins with `received`, without the app."""
        count_refusal(problem.kind)
        answer = refusal(problem, received, for_origin)
        has_body = not received.startswith(b"HEAD ")
        self._flow.write(last_bytes(answer, state.default_headers, has_body=has_body))
        self.lingering_close()

    def lingering_close(self) -> None:
        """Closes the sending side, and the whole connection when the client closes or after LINGERING_CLOSE_S."""
        self.has_begun = True
        with suppress(OSError):  # the client has reset the connection, and asyncio is about to notice
            self._flow.write_eof()
        self._flow.read_on()
        self._receiving.set(LINGERING_CLOSE_S, self.close)

    def close(self) -> None:
        """Closes once everything is written."""
        self.has_begun = True
        self._receiving.clear()
        self._flow.close()

"""A small server whose limits a test chooses, and connections to it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from common.http.problem_answers import answer_with_problems
from common.http_server.protocol import HttpLimits
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from tests.serving import LIMIT_S, serving
from tests.waiting import eventually

SOUND = b"GET /quick HTTP/1.1\r\nHost: a\r\n\r\n"
HELD = b"GET /held HTTP/1.1\r\nHost: a\r\n\r\n"
LARGE = b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
LARGE_BYTES = 64 * 1024 * 1024  # more than any buffer between server and client
ENDLESS_HEAD = b"GET /quick HTTP/1.1\r\nHost: a\r\nX-A: b"


@dataclass
class Client:
    """One connection."""

    answers: asyncio.StreamReader
    requests: asyncio.StreamWriter

    async def status(self) -> int:
        """The status of the next answer; its body is read too. 0 when the connection has ended."""
        try:
            head = await asyncio.wait_for(self.answers.readuntil(b"\r\n\r\n"), LIMIT_S)
        except (asyncio.IncompleteReadError, ConnectionError):
            return 0
        length = next(int(line.split(b":")[1]) for line in head.splitlines() if line.startswith(b"content-length"))
        await asyncio.wait_for(self.answers.readexactly(length), LIMIT_S)
        return int(head.split()[1])

    async def to_end(self) -> tuple[bytes, bytes]:
        """Head and body of all that comes until the server closes the connection."""
        head, _, body = (await asyncio.wait_for(self.answers.read(), LIMIT_S)).rpartition(b"\r\n\r\n")
        return head, body

    async def status_while_sending(self, more: bytes) -> int:
        """The status of the next answer, while this is sent over and over."""
        answer = asyncio.create_task(self.status())

        async def is_answered() -> bool:
            self.requests.write(more)
            return answer.done()

        await eventually(is_answered)
        return answer.result()


class Place:
    """A server with an endpoint that answers at once, one that waits, and one with a long answer."""

    def __init__(self) -> None:
        self.let_go = asyncio.Event()
        self.held = 0
        self.port = 0
        self._clients: AsyncExitStack

    def app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)
        answer_with_problems(app)
        app.add_route("/quick", self._quick, ["GET"])
        app.add_route("/quick", self._quick, ["POST"])
        app.add_route("/held", self._hold, ["GET"])
        app.add_route("/large", self._large, ["GET"])
        return app

    async def _quick(self, _: Request) -> Response:
        return Response(b"quick")

    async def _hold(self, _: Request) -> Response:
        self.held += 1
        await self.let_go.wait()
        return Response(b"held")

    async def _large(self, _: Request) -> Response:
        return Response(bytes(LARGE_BYTES))

    async def client(self, sent: bytes = b"") -> Client:
        """A connection that has sent this, and ends with the place."""
        answers, requests = await asyncio.open_connection("127.0.0.1", self.port)
        self._clients.callback(requests.close)
        requests.write(sent)
        return Client(answers, requests)

    @asynccontextmanager
    async def open(self, limits: HttpLimits) -> AsyncIterator["Place"]:
        async with serving(self.app(), limits=limits) as served, AsyncExitStack() as self._clients:
            self.port = served.port
            try:
                yield self
            finally:
                self.let_go.set()


type Open = Callable[[HttpLimits], Awaitable[Place]]


def kind(body: bytes) -> str:
    """The kind of the problem in this answer."""
    return str(json.loads(body)["type"]).rpartition(":")[2]

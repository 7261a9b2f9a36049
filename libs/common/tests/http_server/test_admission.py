"""Clients that announce a body and withhold it block nobody, and a body that arrives immediately always has room."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from common.http.app import make_app
from common.http_server.protocol import HttpLimits
from starlette.requests import Request
from starlette.responses import Response

from tests.serving import LIMIT_S, Served, serving
from tests.waiting import eventually

LIMITS = HttpLimits(requests=3, body_timeout_s=5)
WITHHELD = b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"
WITHHELD_IN_CHUNKS = b"POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"
READ = b"GET /read HTTP/1.1\r\nHost: a\r\n\r\n"


class Uploads:
    """A server that answers reads at once, and uploads when their body is there."""

    def __init__(self, served: Served, connections: AsyncExitStack) -> None:
        self._port = served.port
        self._connections = connections

    async def send(self, sent: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        answers, requests = await asyncio.open_connection("127.0.0.1", self._port)
        self._connections.callback(requests.close)
        requests.write(sent)
        return answers, requests


waiting: set[int] = set()


async def upload(request: Request) -> Response:
    waiting.add(id(request))
    try:
        return Response(await request.body())
    finally:
        waiting.discard(id(request))


async def read(_: Request) -> Response:
    return Response(b"read")


@pytest.fixture
async def uploads() -> AsyncIterator[Uploads]:
    app = make_app("uploads", None)  # type: ignore[arg-type]
    app.add_route("/upload", upload, ["POST"])
    app.add_route("/read", read, ["GET"])
    async with serving(app, lifespan="off", limits=LIMITS) as served, AsyncExitStack() as connections:
        yield Uploads(served, connections)


async def status(answers: asyncio.StreamReader) -> int:
    head = await asyncio.wait_for(answers.readuntil(b"\r\n\r\n"), LIMIT_S)
    return int(head.split(b" ")[1])


async def withhold(
    uploads: Uploads, sent: bytes, count: int
) -> list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """So many uploads whose body is awaited."""
    before = len(waiting)
    streams = [await uploads.send(sent) for _ in range(count)]

    async def are_waiting() -> bool:
        return len(waiting) == before + count

    await eventually(are_waiting)
    return streams


@pytest.mark.parametrize("sent", [WITHHELD, WITHHELD_IN_CHUNKS], ids=["sized", "chunked"])
async def test_withheld_bodies_keep_nobody_out(uploads: Uploads, sent: bytes) -> None:
    await withhold(uploads, sent, LIMITS.requests)

    answers = [(await uploads.send(request))[0] for request in (READ, WITHHELD + b"{}")]

    assert [await status(each) for each in answers] == [200, 200]


async def test_one_body_too_many_ends_the_wait_for_the_oldest(uploads: Uploads) -> None:
    (oldest, _), *others = await withhold(uploads, WITHHELD, LIMITS.requests)

    answers, requests = await uploads.send(WITHHELD)
    assert await status(oldest) == 408
    for _, late in (*others, (answers, requests)):
        late.write(b"{}")

    assert [await status(each) for each in (*(each for each, _ in others), answers)] == [200] * LIMITS.requests


@pytest.mark.parametrize("sent", [WITHHELD, WITHHELD + b"{", WITHHELD_IN_CHUNKS], ids=["none", "a part", "chunks"])
async def test_bodies_that_are_withheld_for_long_are_408_and_make_room(sent: bytes) -> None:
    limits = HttpLimits(requests=3, body_timeout_s=0.2)
    app = make_app("uploads", None)  # type: ignore[arg-type]
    app.add_route("/upload", upload, ["POST"])
    async with serving(app, lifespan="off", limits=limits) as served, AsyncExitStack() as connections:
        streams = [await Uploads(served, connections).send(sent) for _ in range(3)]

        assert [await status(answers) for answers, _ in streams] == [408] * 3
        assert [await asyncio.wait_for(answers.read(), LIMIT_S) != b"" for answers, _ in streams] == [True] * 3

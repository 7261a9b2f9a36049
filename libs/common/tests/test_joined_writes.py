"""An answer leaves in one write, and nothing of it waits for what does not come."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from common.joined_writes import CONTINUE, JOINED_BYTES, JoinedWrites
from common.problems import answer_with_problems
from common.routing import add_route
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from tests.serving import LIMIT_S, Served, serving
from tests.waiting import turns

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class Written(asyncio.Transport):
    """A transport that keeps what each call of the kernel would get."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.writes.append(bytes(data))

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def written() -> Written:
    return Written()


@pytest.fixture
async def joined(written: Written) -> JoinedWrites:
    return JoinedWrites(written, asyncio.get_running_loop())


@pytest.mark.parametrize("body", [b"{}", b"", bytes(JOINED_BYTES)], ids=["short", "empty", "longer"])
async def test_a_head_and_its_body_are_one_write(written: Written, joined: JoinedWrites, body: bytes) -> None:
    joined.write(HEAD)
    joined.write(memoryview(body))

    assert written.writes == [HEAD + body]


async def test_a_long_body_is_not_copied(written: Written, joined: JoinedWrites) -> None:
    joined.write(HEAD)
    joined.write(bytes(JOINED_BYTES + 1))

    assert written.writes == [HEAD, bytes(JOINED_BYTES + 1)]


async def test_a_head_without_a_body_leaves_in_the_next_turn(written: Written, joined: JoinedWrites) -> None:
    joined.write(HEAD)
    await turns()

    assert written.writes == [HEAD]


async def test_a_head_is_written_before_the_connection_is_closed(written: Written, joined: JoinedWrites) -> None:
    joined.write(HEAD)
    joined.close()
    await turns()

    assert (written.writes, written.closed) == ([HEAD], True)


async def test_what_follows_is_held_by_nothing(written: Written, joined: JoinedWrites) -> None:
    for data in (HEAD, b"a", HEAD, b"b"):
        joined.write(data)

    assert written.writes == [HEAD + b"a", HEAD, b"b"]


async def test_a_client_that_waits_for_100_gets_it_at_once(written: Written, joined: JoinedWrites) -> None:
    joined.write(CONTINUE)

    assert written.writes == [CONTINUE]


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """A server with two kinds of answers: one whose body comes when it is told to, and one that returns an upload."""

    async def parts(request: Request) -> Response:
        async def stream() -> AsyncIterator[bytes]:
            await request.app.state.go_on.wait()
            yield b"late"

        return StreamingResponse(stream())

    async def upload(request: Request) -> Response:
        return Response(await request.body())

    app = FastAPI(openapi_url=None)
    answer_with_problems(app)
    add_route(app, "GET", "/parts", parts)
    add_route(app, "POST", "/upload", upload)
    app.state.go_on = asyncio.Event()
    async with serving(app) as running:
        yield running
        app.state.go_on.set()


async def send(served: Served, request: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    answers, requests = await asyncio.open_connection("127.0.0.1", served.port)
    requests.write(request)
    return answers, requests


async def head_of(answers: asyncio.StreamReader) -> bytes:
    return await asyncio.wait_for(answers.readuntil(b"\r\n\r\n"), LIMIT_S)


async def test_the_head_of_a_streamed_answer_does_not_wait_for_its_first_part(served: Served) -> None:
    answers, requests = await send(served, b"GET /parts HTTP/1.1\r\nHost: a\r\n\r\n")

    assert (await head_of(answers)).startswith(b"HTTP/1.1 200 ")
    requests.close()


async def test_an_answer_to_head_comes_without_a_body(served: Served) -> None:
    answers, requests = await send(served, b"HEAD /parts HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

    assert (await asyncio.wait_for(answers.read(), LIMIT_S)).startswith(b"HTTP/1.1 405 ")
    requests.close()


async def test_an_upload_that_waits_for_100_is_answered(served: Served) -> None:
    head = b"POST /upload HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    answers, requests = await send(served, head)
    assert await head_of(answers) == CONTINUE

    requests.write(b"{}")

    assert (await head_of(answers)).startswith(b"HTTP/1.1 200 ")
    assert await asyncio.wait_for(answers.readexactly(2), LIMIT_S) == b"{}"
    requests.close()

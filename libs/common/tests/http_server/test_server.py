"""Bytes that are not HTTP get a problem response, and end the connection."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from common.http.problem_answers import answer_with_problems
from fastapi import FastAPI
from starlette.types import Message, Receive, Send

from tests.serving import LIMIT_S, Served, serving

GARBAGE = {
    "a word": b"GARBAGE\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "no version": b"GET / HTTP/x.y\r\nHost: a\r\n\r\n",
    "a header without a colon": b"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
    "a length that is a word": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ten\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "a length of 5,000 digits": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
}
SOUND = b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(scope="module")
async def app() -> AsyncIterator[Served]:
    app = FastAPI(openapi_url=None)
    answer_with_problems(app)
    async with serving(app) as served:
        yield served


async def cycle(app: Served, sent: bytes) -> tuple[bytes, bytes]:
    """Head and body of all that is answered until the server closes the connection."""
    answers, requests = await asyncio.open_connection("127.0.0.1", app.port)
    requests.write(sent)
    try:
        head, _, body = (await asyncio.wait_for(answers.read(), LIMIT_S)).rpartition(b"\r\n\r\n")
    finally:
        requests.close()
    return head, body


@pytest.mark.parametrize("sent", GARBAGE.values(), ids=GARBAGE.keys())
async def test_bytes_that_are_no_http_are_a_problem_and_end_the_connection(app: Served, sent: bytes) -> None:
    head, body = await cycle(app, sent)

    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head
    assert json.loads(body)["type"] == "urn:taskwire:problem:malformed-request"


async def test_the_problem_has_exactly_the_announced_length(app: Served) -> None:
    head, body = await cycle(app, GARBAGE["a word"])

    assert f"content-length: {len(body)}".encode() in head


async def test_the_problem_repeats_nothing_of_what_was_sent(app: Served) -> None:
    head, body = await cycle(app, b"s3cret-bytes\r\n\r\n")

    assert b"s3cret" not in head + body


async def test_garbage_after_a_sound_request_is_answered_after_it(app: Served) -> None:
    head, body = await cycle(app, SOUND + GARBAGE["a word"])

    assert json.loads(body)["type"] == "urn:taskwire:problem:malformed-request"
    assert head.count(b"HTTP/1.1 ") in {1, 2}


async def test_no_answer_names_the_server(app: Served) -> None:
    answered = await app.ask("GET", "/nothing")

    assert "uvicorn" not in answered.headers.get("server", "")


async def test_a_head_waits_for_its_body() -> None:
    class Received(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            parts.append(data)
            ended.set()

    async def slow(scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await asyncio.wait_for(elsewhere.wait(), LIMIT_S)
        await send({"type": "http.response.body", "body": b"body"})

    parts: list[bytes] = []
    ended, elsewhere = asyncio.Event(), asyncio.Event()
    async with serving(slow, lifespan="off") as served:
        client, _ = await asyncio.get_running_loop().create_connection(Received, "127.0.0.1", served.port)
        client.write(SOUND)
        await cycle(served, GARBAGE["a word"])  # the loop has turned many times when it is answered
        elsewhere.set()
        await asyncio.wait_for(ended.wait(), LIMIT_S)
        client.close()

    assert [part.endswith(b"\r\n\r\nbody") for part in parts] == [True]

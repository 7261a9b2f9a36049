"""The reader's answer is forwarded unchanged; anything else is a 503."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from common.contracts.framing import pack

from tests.serving import LIMIT_S, Served

from .in_process import TASK, TASKS, lonely_gateway

READ_TIMEOUT_S = 0.2
TASK_BYTES = '{"id":"x","title":"d\u00e9j\u00e0"}'.encode()


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    """An HTTP answer as bytes."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@asynccontextmanager
async def gateway_reading(answer: bytes | None, **given: int) -> AsyncIterator[tuple[Served, list[Any]]]:
    """The gateway before a server that sends `answer` to each request, or nothing; and the bodies that it got."""
    asked: list[Any] = []

    async def serve(requests: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        head = (await requests.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        asked.append(json.loads(await requests.readexactly(length)))
        if answer is None:
            await requests.read()
        else:
            answers.write(answer)
        answers.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as reader:
        url = f"http://127.0.0.1:{reader.sockets[0].getsockname()[1]}"
        async with lonely_gateway(reader_url=url, read_timeout_s=READ_TIMEOUT_S, **given) as gateway:
            yield gateway, asked


@pytest.mark.parametrize("path", [TASKS, TASK])
async def test_the_readers_bytes_are_passed_on(path: str) -> None:
    async with gateway_reading(http("200 OK", pack([TASK_BYTES]))) as (gateway, _):
        answer = await gateway.ask("GET", path)

    assert (answer.status, answer.headers["content-type"], answer.body) == (200, "application/json", TASK_BYTES)


async def test_what_the_reader_does_not_find_is_404() -> None:
    async with gateway_reading(http("200 OK", pack([None]))) as (gateway, _):
        answer = await gateway.ask("GET", TASK)

    assert (answer.status, answer.json()["type"]) == (404, "urn:taskwire:problem:task-not-found")


async def test_a_lone_read_is_sent_at_once_and_alone() -> None:
    path = TASK.upper().replace("/API", "/api").replace("/TASKS", "/tasks")
    async with gateway_reading(http("200 OK", pack([TASK_BYTES]))) as (gateway, asked):
        await gateway.ask("GET", path, headers={"X-Request-ID": "mine"})

    user_id, task_id = TASK.split("/")[2], TASK.split("/")[4]
    assert asked == [{"reads": [{"user_id": user_id, "task_id": task_id, "request_id": "mine"}]}]


async def test_concurrent_reads_share_requests() -> None:
    async with gateway_reading(None) as (gateway, asked):
        await asyncio.gather(*(gateway.ask("GET", TASKS) for _ in range(12)))

    assert len(asked) < 12


async def test_an_answer_to_another_number_of_reads_is_503() -> None:
    async with gateway_reading(http("200 OK", pack([TASK_BYTES, TASK_BYTES]))) as (gateway, _):
        answer = await gateway.ask("GET", TASK)

    assert answer.status == 503


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"",
        b"garbage\r\n\r\n",
        http("200 OK", pack([TASK_BYTES]))[:-3],
        http("200 OK", pack([TASK_BYTES])[:-3]),
        http("404 Not Found", b"{}"),
        http("500 Oops", b'{"detail": "secret"}'),
        http("301 Moved", b"", "Location: /elsewhere"),
    ],
    ids=["silent", "closes", "no HTTP", "cut off", "frame cut off", "404", "500", "301"],
)
@pytest.mark.parametrize("path", [TASKS, TASK])
async def test_a_reader_that_does_not_answer_as_agreed_is_503(path: str, answer: bytes | None) -> None:
    async with gateway_reading(answer) as (gateway, _), asyncio.timeout(LIMIT_S):
        answered = await gateway.ask("GET", path)

    assert (answered.status, answered.json()["type"]) == (503, "urn:taskwire:problem:unavailable")
    assert int(answered.headers["retry-after"]) >= 1


async def test_a_read_is_answered_in_time_even_when_it_waits_behind_others() -> None:
    alone = {"finds_max_batch": 1, "reads_max_in_flight": 1}
    async with gateway_reading(None, **alone) as (gateway, _):
        began = asyncio.get_running_loop().time()

        answers = await asyncio.gather(*(gateway.ask("GET", TASK) for _ in range(20)))

        took_s = asyncio.get_running_loop().time() - began
    assert {answer.status for answer in answers} == {503}
    assert took_s < 10 * READ_TIMEOUT_S

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

READ_TIMEOUT_S = 0.2  # for reads that are given up; on a busy machine an answer may take longer
TASK_BYTES = '{"id":"x","title":"d\u00e9j\u00e0"}'.encode()
AT_7 = b"7 " + TASK_BYTES


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    """An HTTP answer as bytes."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@asynccontextmanager
async def gateway_reading(
    answer: bytes | None, *, gives_up: bool = False, **given: int
) -> AsyncIterator[tuple[Served, list[Any]]]:
    """The gateway before a server that sends `answer` to each request, or nothing; and the bodies that it got.
    `gives_up`: what the server says is not enough, however often it is asked."""
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
        timeout_s = READ_TIMEOUT_S if gives_up or answer is None else LIMIT_S
        async with lonely_gateway(reader_url=url, **{"read_timeout_s": timeout_s} | given) as gateway:
            yield gateway, asked


@pytest.mark.parametrize("path", [TASKS, TASK])
async def test_the_readers_bytes_are_passed_on(path: str) -> None:
    async with gateway_reading(http("200 OK", pack([TASK_BYTES]))) as (gateway, _):
        answer = await gateway.ask("GET", path)

    assert (answer.status, answer.headers["content-type"], answer.body) == (200, "application/json", TASK_BYTES)


@pytest.mark.parametrize("path", [TASKS, TASK])
async def test_a_read_has_the_entity_tag_of_its_revision(path: str) -> None:
    async with gateway_reading(http("200 OK", pack([AT_7]))) as (gateway, _):
        answer = await gateway.ask("GET", path)

    assert (answer.status, answer.headers["etag"], answer.body) == (200, '"1-7"', TASK_BYTES)


@pytest.mark.parametrize("path", [TASKS, TASK])
async def test_a_task_reader_of_a_release_without_revisions_is_understood(path: str) -> None:
    async with gateway_reading(http("200 OK", pack([TASK_BYTES]))) as (gateway, _):
        answer = await gateway.ask("GET", path, headers={"If-None-Match": '"1-7"'})

    assert (answer.status, "etag" in answer.headers, answer.body) == (200, False, TASK_BYTES)


@pytest.mark.parametrize("path", [TASKS, TASK])
async def test_the_reader_is_told_what_the_client_has_and_says_that_it_is_the_same(path: str) -> None:
    async with gateway_reading(http("200 OK", pack([b"7"]))) as (gateway, asked):
        answer = await gateway.ask("GET", path, headers={"If-None-Match": 'W/"1-7"'})

    assert (answer.status, answer.headers["etag"], answer.body) == (304, '"1-7"', b"")
    assert [read["known_revision"] for read in asked[0]["reads"]] == [7]


CONDITIONS = {
    "unchanged": ({"If-None-Match": '"1-6", "1-7"'}, 304),
    "any": ({"If-None-Match": "*"}, 304),
    "changed": ({"If-None-Match": '"1-6"'}, 200),
    "another server's": ({"If-None-Match": '"x"'}, 200),
    "another shape": ({"If-None-Match": '"0-7"'}, 200),
    "expected": ({"If-Match": '"1-7"'}, 200),
    "expected and known": ({"If-Match": "*", "If-None-Match": '"1-7"'}, 304),
    "unexpected": ({"If-Match": '"1-6"'}, 412),
    "unexpected and known": ({"If-Match": '"1-6"', "If-None-Match": '"1-7"'}, 412),
    "since a date": ({"If-Modified-Since": "Sat, 29 Oct 2094 19:43:31 GMT"}, 200),
    "malformed": ({"If-None-Match": "1-7"}, 400),
}


@pytest.mark.parametrize("path", [TASKS, TASK])
@pytest.mark.parametrize("name", CONDITIONS)
async def test_a_condition_is_compared_with_what_the_reader_answers(path: str, name: str) -> None:
    headers, status = CONDITIONS[name]

    async with gateway_reading(http("200 OK", pack([AT_7]))) as (gateway, _):
        answer = await gateway.ask("GET", path, headers=headers)

    assert answer.status == status
    assert answer.headers.get("etag") == (None if status == 400 else '"1-7"')
    assert (answer.body == TASK_BYTES) is (status == 200)


@pytest.mark.parametrize("condition", [{"If-None-Match": "*"}, {"If-Match": "*"}, {"If-None-Match": '"1-7"'}])
async def test_a_missing_task_comes_before_a_condition(condition: dict[str, str]) -> None:
    async with gateway_reading(http("200 OK", pack([None]))) as (gateway, _):
        answer = await gateway.ask("GET", TASK, headers=condition)

    assert answer.status == 404


@pytest.mark.parametrize("nonsense", [b"", b"x", b" {}", b"-7 {}", b"1" * 30])
async def test_an_answer_without_a_revision_is_503(nonsense: bytes) -> None:
    async with gateway_reading(http("200 OK", pack([nonsense]))) as (gateway, _):
        answer = await gateway.ask("GET", TASK)

    assert answer.status == 503


async def test_what_the_reader_does_not_find_is_404() -> None:
    async with gateway_reading(http("200 OK", pack([None]))) as (gateway, _):
        answer = await gateway.ask("GET", TASK)

    assert (answer.status, answer.json()["type"]) == (404, "urn:taskwire:problem:task-not-found")


async def test_a_lone_read_is_sent_at_once_and_alone() -> None:
    path = TASK.upper().replace("/API", "/api").replace("/TASKS", "/tasks")
    async with gateway_reading(http("200 OK", pack([TASK_BYTES]))) as (gateway, asked):
        await gateway.ask("GET", path, headers={"X-Request-ID": "mine"})

    user_id, task_id = TASK.split("/")[2], TASK.split("/")[4]
    read = {"user_id": user_id, "task_id": task_id, "request_id": "mine"}
    assert asked == [{"reads": [read], "revisions": True}]


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
    alone: dict[str, Any] = {"finds_max_batch": 1, "reads_max_in_flight": 1}
    async with gateway_reading(None, **alone) as (gateway, _):
        began = asyncio.get_running_loop().time()

        answers = await asyncio.gather(*(gateway.ask("GET", TASK) for _ in range(20)))

        took_s = asyncio.get_running_loop().time() - began
    assert {answer.status for answer in answers} == {503}
    assert took_s < 15 * READ_TIMEOUT_S  # one after the other would be 20

"""Every answer of the gateway names its request, and what the request asks for carries the name on."""

import asyncio

import pytest
from common.contracts import Outcome

from tests.serving import LIMIT_S

from .in_process import JSON, TASK, TASKS, answered_gateway, lonely_gateway

DONE = Outcome(status="done", task="{}")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", TASKS), ("GET", "/nothing"), ("PUT", TASKS), ("POST", TASKS), ("GET", "/docs"), ("DELETE", TASK)],
)
async def test_every_answer_has_the_name_that_the_client_gave(method: str, path: str) -> None:
    async with lonely_gateway() as gateway:
        answer = await gateway.ask(method, path, headers={"X-Request-ID": "mine"})

    assert answer.headers["x-request-id"] == "mine"


async def test_a_request_without_a_name_is_given_one() -> None:
    async with lonely_gateway() as gateway:
        names = {(await gateway.ask("GET", TASKS)).headers["x-request-id"] for _ in range(3)}

    assert len(names) == 3


async def test_bytes_that_are_no_http_are_named_too() -> None:
    async with lonely_gateway() as gateway:
        answers, requests = await asyncio.open_connection("127.0.0.1", gateway.port)
        requests.write(b"GARBAGE\r\n\r\n")
        answer = await asyncio.wait_for(answers.read(), LIMIT_S)
        requests.close()

    assert b"\r\nX-Request-ID: " in answer


async def test_a_command_carries_the_name() -> None:
    async with answered_gateway(DONE) as (gateway, commands):
        await gateway.ask("POST", TASKS, body=b'{"title": "Buy milk"}', headers={**JSON, "X-Request-ID": "mine"})

    assert [command.request_id for command in commands] == ["mine"]

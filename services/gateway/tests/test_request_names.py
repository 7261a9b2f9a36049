"""Every response of the gateway has a request id, which is passed on to the other services."""

import asyncio

import pytest
from common.contracts.outcomes import Outcome

from tests.serving import LIMIT_S, Served

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


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (b"GARBAGE\r\n\r\n", b""),
        (b"GET / HTTP/1.1\r\nX-Request-ID: mine\r\n\r\n", b"mine\r\n"),
        (b"GET / HTTP/1.1\r\nx-request-id:mine \r\nX-A: " + b"a" * 40_000 + b"\r\n\r\n", b"mine\r\n"),
        (b"GET / HTTP/2.0\r\nHost: a\r\nX-Request-ID: mine\r\n\r\n", b"mine\r\n"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x, chunked\r\nX-REQUEST-ID: mine\r\n\r\n", b"mine\r\n"),
        (b"GET / HTTP/1.1\r\nX-Request-ID: not mine\r\n\r\n", b""),
    ],
    ids=["garbage", "no Host", "too large", "HTTP/2.0", "a coding", "no name"],
)
async def test_what_the_server_itself_refuses_is_named_too(sent: bytes, name: bytes) -> None:
    async with lonely_gateway() as gateway:
        answer = await refused(gateway, sent)

    assert b"\r\nx-request-id: " + name in answer


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        (["https://app.example"], "https://app.example", b"https://app.example"),
        (["https://app.example"], "https://other.example", None),
        (["*"], "https://app.example", b"*"),
        ([], "https://app.example", None),
    ],
)
async def test_pages_can_read_such_a_refusal_as_any_other_answer(
    origins: list[str], origin: str, allowed: bytes | None
) -> None:
    async with lonely_gateway(cors_origins=origins) as gateway:
        sound = await gateway.ask("GET", "/nothing", headers={"Origin": origin})
        answer = await refused(gateway, b"GET / HTTP/1.1\r\nOrigin: %b\r\n\r\n" % origin.encode())

    names = ("access-control-allow-origin", "access-control-expose-headers", "vary")
    headers = dict(line.split(b": ", 1) for line in answer.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:])
    assert headers.get(b"access-control-allow-origin") == allowed
    assert {name: headers.get(name.encode(), b"").decode() for name in names} == {
        name: sound.headers.get(name, "") for name in names
    }


async def refused(gateway: Served, sent: bytes) -> bytes:
    answers, requests = await asyncio.open_connection("127.0.0.1", gateway.port)
    requests.write(sent)
    answer = await asyncio.wait_for(answers.read(), LIMIT_S)
    requests.close()
    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5"))
    return answer


async def test_a_command_carries_the_name() -> None:
    async with answered_gateway(DONE) as (gateway, commands):
        await gateway.ask("POST", TASKS, body=b'{"title": "Buy milk"}', headers={**JSON, "X-Request-ID": "mine"})

    assert [command.request_id for command in commands] == ["mine"]

"""Clients that send too much or are too many get problem responses, and affect nobody else."""

import asyncio
import socket

import pytest
from common.http_server.protocol import HttpLimits
from prometheus_client import REGISTRY

from tests.waiting import eventually

from .place import ENDLESS_HEAD, HELD, SOUND, Open, kind

LARGE_HEAD = ENDLESS_HEAD + b"b" * 5000 + b"\r\n\r\n"
REASONS = ("head-too-large", "malformed-request", "overloaded", "slow-head")


@pytest.mark.parametrize("where", ["address", "header", "many headers"])
@pytest.mark.parametrize("packets", [1, 20])
async def test_a_head_that_is_too_large_is_431(opened: Open, where: str, packets: int) -> None:
    place = await opened(HttpLimits(head_bytes=4096))
    head = {
        "address": b"GET /quick?" + b"a" * 5000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        "header": b"GET /quick HTTP/1.1\r\nHost: a\r\nX-A: " + b"a" * 5000 + b"\r\n\r\n",
        "many headers": b"GET /quick HTTP/1.1\r\nHost: a\r\n" + b"X-A: b\r\n" * 1500 + b"\r\n",
    }[where]
    client = await place.client()
    client.requests.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    size = len(head) // packets + 1
    for start in range(0, len(head), size):
        client.requests.write(head[start : start + size])
        await asyncio.sleep(0)
    answer, body = await client.to_end()

    assert answer.startswith(b"HTTP/1.1 431 ")
    assert kind(body) == "head-too-large"


async def test_a_head_that_never_ends_is_not_kept_in_memory(opened: Open) -> None:
    place = await opened(HttpLimits(head_bytes=4096))
    client = await place.client(ENDLESS_HEAD)

    assert await client.status_while_sending(b"a" * 100) == 431


async def test_a_large_body_is_no_large_head(opened: Open) -> None:
    place = await opened(HttpLimits(head_bytes=4096))
    body = b"x" * 50_000
    request = b"POST /quick HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    client = await place.client(request + request + SOUND)

    assert [await client.status() for _ in range(3)] == [200, 200, 200]


async def test_a_connection_too_many_is_503_and_the_others_go_on(opened: Open) -> None:
    place = await opened(HttpLimits(connections=5))
    clients = [await place.client(SOUND) for _ in range(5)]
    assert [await client.status() for client in clients] == [200] * 5

    turned_away = [await (await place.client(SOUND)).to_end() for _ in range(20)]

    assert {head.split(b" ")[1] for head, _ in turned_away} == {b"503"}
    assert {kind(body) for _, body in turned_away} == {"overloaded"}
    assert all(b"retry-after: 1" in head for head, _ in turned_away)
    clients[0].requests.write(SOUND)
    assert await clients[0].status() == 200


async def test_a_connection_that_ends_makes_room(opened: Open) -> None:
    place = await opened(HttpLimits(connections=1))
    first = await place.client(SOUND)
    assert await first.status() == 200
    first.requests.close()

    async def comes_in() -> bool:
        return await (await place.client(SOUND)).status() == 200

    await eventually(comes_in, within_s=5)


async def test_a_silent_connection_too_many_is_closed_soon(opened: Open) -> None:
    place = await opened(HttpLimits(connections=1))
    first = await place.client(SOUND)
    assert await first.status() == 200

    assert await (await place.client()).to_end() == (b"", b"")


async def test_a_request_too_many_is_503_and_its_connection_is_kept(opened: Open) -> None:
    place = await opened(HttpLimits(requests=3))
    held = [await place.client(HELD) for _ in range(3)]

    async def are_held() -> bool:
        return place.held == 3

    await eventually(are_held)
    one_more = await place.client(SOUND)
    refused = await one_more.status()
    place.let_go.set()

    assert refused == 503
    assert [await client.status() for client in held] == [200] * 3
    one_more.requests.write(SOUND)
    assert await one_more.status() == 200


def refusals() -> dict[str, float | None]:
    """How many requests were refused for each reason."""
    counter = "taskwire_http_requests_refused_total"
    return {reason: REGISTRY.get_sample_value(counter, {"reason": reason}) for reason in REASONS}


@pytest.mark.parametrize(
    ("sent", "limits", "reason"),
    [
        (ENDLESS_HEAD, HttpLimits(head_timeout_s=0.3), "slow-head"),
        (LARGE_HEAD, HttpLimits(head_bytes=4096), "head-too-large"),
        (b"GARBAGE\r\n\r\n", HttpLimits(), "malformed-request"),
        (SOUND, HttpLimits(connections=0), "overloaded"),
        (SOUND, HttpLimits(requests=0), "overloaded"),
    ],
    ids=["slow head", "large head", "garbage", "a connection too many", "a request too many"],
)
async def test_a_refusal_is_counted_by_its_problem(opened: Open, sent: bytes, limits: HttpLimits, reason: str) -> None:
    place = await opened(limits)
    before = refusals()

    assert await (await place.client(sent)).status() >= 400

    assert refusals() == before | {reason: (before[reason] or 0) + 1}


async def test_a_request_that_is_answered_is_no_refusal(opened: Open) -> None:
    place = await opened(HttpLimits())
    before = refusals()

    assert await (await place.client(SOUND)).status() == 200

    assert refusals() == before

"""Clients that are slow, greedy or many get problem responses, and affect nobody else."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest
from common.http.problem_answers import answer_with_problems
from common.http_server.protocol import HttpLimits
from fastapi import FastAPI
from prometheus_client import REGISTRY
from starlette.requests import Request
from starlette.responses import Response

from tests.serving import LIMIT_S, serving
from tests.waiting import eventually

SOUND = b"GET /quick HTTP/1.1\r\nHost: a\r\n\r\n"
HELD = b"GET /held HTTP/1.1\r\nHost: a\r\n\r\n"
LARGE = b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
LARGE_BYTES = 64 * 1024 * 1024  # more than any buffer between server and client
UNREAD_BODY = b"POST /quick HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf"
ENDLESS_HEAD = b"GET /quick HTTP/1.1\r\nHost: a\r\nX-A: b"
LARGE_HEAD = ENDLESS_HEAD + b"b" * 5000 + b"\r\n\r\n"
REASONS = ("head-too-large", "malformed-request", "overloaded", "slow-head")


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

        await eventually(is_answered, within_s=5)
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


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    async with AsyncExitStack() as places:

        async def open_place(limits: HttpLimits) -> Place:
            return await places.enter_async_context(Place().open(limits))

        yield open_place


def kind(body: bytes) -> str:
    return str(json.loads(body)["type"]).rpartition(":")[2]


async def test_a_head_that_never_ends_is_408(opened: Open) -> None:
    place = await opened(HttpLimits(head_timeout_s=0.3))

    head, body = await (await place.client(ENDLESS_HEAD)).to_end()

    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in head
    assert kind(body) == "slow-head"


async def test_a_head_that_trickles_in_is_408_too(opened: Open) -> None:
    place = await opened(HttpLimits(head_timeout_s=0.3))
    client = await place.client(ENDLESS_HEAD)

    assert await client.status_while_sending(b"b") == 408


async def test_a_second_head_on_a_kept_connection_has_its_limit_too(opened: Open) -> None:
    place = await opened(HttpLimits(head_timeout_s=0.3))
    client = await place.client(SOUND)
    assert await client.status() == 200

    client.requests.write(ENDLESS_HEAD)

    assert await client.status() == 408


async def test_a_connection_that_says_nothing_is_closed(opened: Open) -> None:
    place = await opened(HttpLimits(head_timeout_s=0.2))

    assert await (await place.client()).to_end() == (b"", b"")


async def test_many_slow_heads_hold_up_nobody(opened: Open) -> None:
    place = await opened(HttpLimits())
    for _ in range(200):
        await place.client(ENDLESS_HEAD)

    assert await (await place.client(SOUND)).status() == 200


async def test_a_slow_head_cuts_off_no_answer_that_is_under_way(opened: Open) -> None:
    place = await opened(HttpLimits(head_timeout_s=0.2))
    client = await place.client(HELD + ENDLESS_HEAD)
    assert await (await place.client(ENDLESS_HEAD)).status() == 408  # the first one's time has passed too

    place.let_go.set()

    assert await client.status() == 200


async def test_an_idle_connection_is_kept(opened: Open) -> None:
    place = await opened(HttpLimits(head_timeout_s=0.2))
    client = await place.client(SOUND)
    assert await client.status() == 200
    assert await (await place.client(ENDLESS_HEAD)).status() == 408  # a head's time has passed

    client.requests.write(SOUND)

    assert await client.status() == 200


async def test_a_body_that_nobody_reads_must_come_to_an_end(opened: Open) -> None:
    place = await opened(HttpLimits(head_timeout_s=0.3))
    client = await place.client(UNREAD_BODY)

    assert await client.status() == 200
    assert await client.status() == 0


async def test_the_rest_of_an_unread_body_may_still_come(opened: Open) -> None:
    place = await opened(HttpLimits(head_timeout_s=5))
    client = await place.client(UNREAD_BODY)
    assert await client.status() == 200

    client.requests.write(b"x" * 996 + SOUND)

    assert await client.status() == 200


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


async def test_a_client_that_does_not_read_is_cut_off(opened: Open) -> None:
    place = await opened(HttpLimits(answer_timeout_s=0.3))
    client = await place.client(LARGE)
    client.requests.transport.pause_reading()  # type: ignore[attr-defined]

    async def is_cut_off() -> bool:
        client.requests.write(b" ")
        return client.requests.transport.is_closing()

    await eventually(is_cut_off, within_s=5)


async def test_a_long_answer_that_is_read_comes_whole(opened: Open) -> None:
    place = await opened(HttpLimits(answer_timeout_s=5))

    _, body = await (await place.client(LARGE)).to_end()

    assert len(body) == LARGE_BYTES


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


@pytest.mark.parametrize("between", [b"", b"\r\n", b"\r", b"\r\n\r\n"], ids=["nothing", "CR LF", "CR", "two lines"])
async def test_an_idle_connection_ends_whatever_comes_between_requests(opened: Open, between: bytes) -> None:
    place = await opened(HttpLimits(keep_alive_s=0.3))
    client = await place.client(SOUND)
    assert await client.status() == 200

    client.requests.write(between)

    assert await client.status() == 0


async def test_empty_lines_without_an_end_keep_no_connection(opened: Open) -> None:
    place = await opened(HttpLimits(keep_alive_s=0.3))
    client = await place.client(SOUND)
    assert await client.status() == 200

    assert await client.status_while_sending(b"\r\n") == 0


async def test_the_rest_of_a_body_that_trickles_in_ends_too(opened: Open) -> None:
    place = await opened(HttpLimits(head_timeout_s=0.3))
    client = await place.client(UNREAD_BODY)
    assert await client.status() == 200

    assert await client.status_while_sending(b"x") == 0


async def test_a_client_that_half_closes_gets_its_answers(opened: Open) -> None:
    place = await opened(HttpLimits())
    client = await place.client(HELD + SOUND)
    client.requests.write_eof()

    place.let_go.set()

    assert [await client.status() for _ in range(3)] == [200, 200, 0]


async def test_what_follows_the_last_answer_resets_nothing(opened: Open) -> None:
    place = await opened(HttpLimits())
    client = await place.client(SOUND.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + SOUND * 1000)

    assert [await client.status() for _ in range(2)] == [200, 0]


async def test_an_error_waits_for_the_response_in_flight(opened: Open) -> None:
    place = await opened(HttpLimits())
    client = await place.client(HELD + b"GARBAGE\r\n\r\n")
    assert await (await place.client(b"GARBAGE\r\n\r\n")).status() == 400  # the first one's has been there as long

    place.let_go.set()

    assert [await client.status() for _ in range(3)] == [200, 400, 0]

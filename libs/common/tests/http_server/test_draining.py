"""A server that is stopped loses no request that has reached it."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn
from common.http_server.draining import DRAIN_S, DrainingServer
from common.http_server.protocol import LimitedHttpProtocol
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tests.waiting import turns

from .draining import drainable

LIMIT_S = 10.0
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"

type Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Door:
    """Holds the answer back until it is opened."""

    def __init__(self) -> None:
        self.reached, self.open = asyncio.Event(), asyncio.Event()

    async def answer(self, _: Request) -> Response:
        self.reached.set()
        await self.open.wait()
        return PlainTextResponse("answer")


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
async def server(door: Door) -> AsyncIterator[DrainingServer]:
    app = Starlette(routes=[Route("/", door.answer)])
    config = uvicorn.Config(app, host="127.0.0.1", port=0, http=LimitedHttpProtocol, ws="none", log_config=None)
    async with drainable(config) as started:
        yield started


def port_of(server: DrainingServer) -> int:
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port


async def connect(server: DrainingServer) -> Streams:
    return await asyncio.open_connection("127.0.0.1", port_of(server))


async def head_of(answers: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(LIMIT_S):
        head = await answers.readuntil(b"\r\n\r\n")
        await answers.readexactly(len(b"answer"))
    return head.lower()


async def test_a_request_in_flight_is_answered_and_closes_its_connection(server: DrainingServer, door: Door) -> None:
    answers, requests = await connect(server)
    requests.write(REQUEST)
    await door.reached.wait()

    stopping = asyncio.create_task(server.shutdown())
    asyncio.get_running_loop().call_later(DRAIN_S + 0.2, door.open.set)

    head = await head_of(answers)
    assert head.startswith(b"http/1.1 200 ")
    assert b"\r\nconnection: close\r\n" in head
    assert await answers.read() == b""
    requests.close()
    await stopping


async def test_an_idle_connection_is_answered_once_more_and_closed(server: DrainingServer, door: Door) -> None:
    door.open.set()
    answers, requests = await connect(server)
    requests.write(REQUEST)
    assert b"connection: close" not in await head_of(answers)

    stopping = asyncio.create_task(server.shutdown())
    await turns()
    requests.write(REQUEST)

    assert b"\r\nconnection: close\r\n" in await head_of(answers)
    assert await answers.read() == b""
    requests.close()
    async with asyncio.timeout(DRAIN_S):  # nothing is left to wait for
        await stopping


async def test_a_request_that_has_arrived_when_the_time_is_up_is_answered(
    server: DrainingServer, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.http_server.draining.DRAIN_S", 0.0)
    door.open.set()
    answers, requests = await connect(server)
    requests.write(REQUEST)
    await head_of(answers)

    requests.write(REQUEST)
    await server.shutdown()  # the event loop had no turn since it was sent

    assert b"\r\nconnection: close\r\n" in await head_of(answers)
    requests.close()


async def test_connections_that_were_not_accepted_yet_are_answered(server: DrainingServer, door: Door) -> None:
    door.open.set()
    waiting = [socket.create_connection(("127.0.0.1", port_of(server))) for _ in range(5)]
    for one in waiting:
        one.sendall(REQUEST)

    await server.shutdown()  # the event loop had no turn since they connected

    for one in waiting:
        with one:
            one.settimeout(LIMIT_S)
            assert one.recv(1000).startswith(b"HTTP/1.1 200 ")


async def test_new_connections_are_refused(server: DrainingServer) -> None:
    port = port_of(server)

    stopping = asyncio.create_task(server.shutdown())
    await turns()

    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    await stopping


async def test_a_connection_that_stays_idle_ends_without_a_reset(server: DrainingServer, door: Door) -> None:
    door.open.set()
    answers, requests = await connect(server)
    requests.write(REQUEST)
    await head_of(answers)

    async with asyncio.timeout(DRAIN_S + 1):
        await server.shutdown()

    assert await answers.read() == b""
    requests.close()

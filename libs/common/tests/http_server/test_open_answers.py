"""A response may stay open after its app has returned; it is no request in progress, and ends with its client or the
server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from common.http_server.draining import DRAIN_S, DrainingServer
from common.http_server.open_answer import STREAM, OpenAnswer
from common.http_server.protocol import HttpLimits
from common.http_server.serving import server_config

from tests.waiting import eventually

from .draining import drainable

LIMIT_S = 10.0
SOON_S = 0.5
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Letters:
    """An app whose answers stay open, and the streams that write to them: each by what became of it."""

    def __init__(self) -> None:
        self.open: list[OpenAnswer] = []
        self.events: list[str] = []

    async def __call__(
        self, scope: dict[str, object], receive: object, send: Callable[[dict[str, object]], Awaitable[None]]
    ) -> None:
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await send({"type": STREAM, "stream": self})

    def opened(self, answer: OpenAnswer) -> None:
        self.events.append("opened")
        self.open.append(answer)

    def lost(self) -> None:
        self.events.append("lost")

    def drain(self) -> None:
        self.events.append("drained")
        self.open[-1].end(b"last")

    async def has(self, *events: str) -> None:
        async def holds() -> bool:
            return self.events == [*events]

        await eventually(holds, within_s=SOON_S + LIMIT_S)


@pytest.fixture
def letters() -> Letters:
    return Letters()


@pytest.fixture
async def server(letters: Letters) -> AsyncIterator[DrainingServer]:
    config = server_config(letters, HttpLimits(requests=1), host="127.0.0.1", port=0, lifespan="off")
    async with drainable(config) as started:
        yield started


class Client:
    def __init__(self, answers: asyncio.StreamReader, requests: asyncio.StreamWriter) -> None:
        self.answers, self.requests = answers, requests

    async def chunk(self) -> bytes:
        async with asyncio.timeout(LIMIT_S):
            size = int(await self.answers.readuntil(b"\r\n"), 16)
            return (await self.answers.readexactly(size + 2))[:-2]


async def client_of(server: DrainingServer) -> Client:
    """One whose stream is open."""
    port: int = server.servers[0].sockets[0].getsockname()[1]
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    client.requests.write(GET)
    await asyncio.wait_for(client.answers.readuntil(b"\r\n\r\n"), LIMIT_S)
    assert await client.chunk() == b"first"
    return client


async def test_it_is_written_to_from_anywhere_and_no_request_in_progress(
    server: DrainingServer, letters: Letters
) -> None:
    clients = [await client_of(server) for _ in range(3)]  # of one request that may be in progress

    for number, answer in enumerate(letters.open):
        answer.write(b"%d" % number)

    assert [await client.chunk() for client in clients] == [b"0", b"1", b"2"]
    assert not server.server_state.tasks
    for client in clients:
        client.requests.close()
    await letters.has(*["opened"] * 3, *["lost"] * 3)


async def test_after_its_end_the_connection_takes_the_next_request(server: DrainingServer, letters: Letters) -> None:
    client = await client_of(server)

    letters.open[0].end(b"last")

    assert [await client.chunk() for _ in range(2)] == [b"last", b""]
    client.requests.write(GET)
    assert b"200" in await asyncio.wait_for(client.answers.readuntil(b"\r\n\r\n"), LIMIT_S)
    client.requests.close()
    await letters.has("opened", "opened", "lost")


@pytest.mark.parametrize("half", [False, True], ids=["closed", "half-closed"])
async def test_a_client_that_goes_is_told_to_the_stream_at_once(
    server: DrainingServer, letters: Letters, half: bool
) -> None:
    client = await client_of(server)

    if half:
        client.requests.write_eof()
    else:
        client.requests.close()

    await letters.has("opened", "lost")
    assert not server.server_state.connections
    client.requests.close()


async def test_a_client_that_does_not_read_is_noticed(server: DrainingServer, letters: Letters) -> None:
    client = await client_of(server)
    (answer,) = letters.open

    while answer.is_writable:
        answer.write(bytes(65_536))

    await client.answers.readexactly(1_000_000)

    async def is_writable_again() -> bool:
        await client.answers.read(1_000_000)
        return answer.is_writable

    await eventually(is_writable_again)
    client.requests.close()
    await letters.has("opened", "lost")


async def test_a_server_that_stops_ends_it_first(server: DrainingServer, letters: Letters) -> None:
    client = await client_of(server)
    clock = asyncio.get_running_loop().time

    began = clock()
    stopping = asyncio.create_task(server.shutdown())
    assert [await client.chunk() for _ in range(2)] == [b"last", b""]
    assert await asyncio.wait_for(client.answers.read(), LIMIT_S) == b""
    assert clock() - began < DRAIN_S, "it did not wait for the drain to end"

    client.requests.close()
    await asyncio.wait_for(stopping, LIMIT_S)
    assert letters.events == ["opened", "drained"]


async def test_one_that_is_opened_while_the_server_stops_ends_at_once(server: DrainingServer, letters: Letters) -> None:
    port: int = server.servers[0].sockets[0].getsockname()[1]
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    stopping = asyncio.create_task(server.shutdown())

    async def is_draining() -> bool:
        return bool(server.server_state.default_headers)

    await eventually(is_draining)
    client.requests.write(GET)

    answer = await asyncio.wait_for(client.answers.read(), LIMIT_S)
    assert b"connection: close" in answer
    assert answer.endswith(b"4\r\nlast\r\n0\r\n\r\n")
    client.requests.close()
    await asyncio.wait_for(stopping, LIMIT_S)

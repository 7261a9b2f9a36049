"""A gateway that is stopped answers the requests in flight, and is not ready meanwhile."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from common.contracts.framing import pack

from tests.ports import closed_port
from tests.serving import LIMIT_S, Served
from tests.waiting import eventually

from .in_process import TASKS

ENDED_BY_SIGTERM = -signal.SIGTERM
STARTED_WITHIN_S = 30.0  # a process of its own, beside whatever else runs
BODY = b'{"title": "Buy milk"}'


async def find_nothing(requests: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
    """A task-reader that has no task of anybody."""
    await requests.readuntil(b"\r\n\r\n")
    body = pack([None])
    answers.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    answers.close()


@asynccontextmanager
async def gateway_process(
    *, port: int, admin_port: int, reader_port: int, nobody: int
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The `gateway` command, without a bus."""
    environment = {
        "PATH": os.environ["PATH"],
        "PORT": str(port),
        "ADMIN_PORT": str(admin_port),
        "READER_URL": f"http://127.0.0.1:{reader_port}",
        "RABBITMQ_URL": f"amqp://guest:guest@127.0.0.1:{nobody}/",
    }
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).parent / "gateway", env=environment, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.fixture
def ports() -> Iterator[tuple[int, int, int]]:
    with closed_port() as port, closed_port() as admin_port, closed_port() as nobody:
        yield port, admin_port, nobody


async def test_the_request_in_flight_is_answered_while_the_gateway_is_not_ready(ports: tuple[int, int, int]) -> None:
    port, admin_port, nobody = ports
    async with (
        await asyncio.start_server(find_nothing, "127.0.0.1", 0) as reader,
        gateway_process(
            port=port,
            admin_port=admin_port,
            reader_port=reader.sockets[0].getsockname()[1],
            nobody=nobody,
        ) as process,
    ):
        admin = Served(admin_port)
        await eventually(lambda: says(admin, 200), within_s=STARTED_WITHIN_S)
        answers, request = await begin_request(port)

        process.terminate()
        await eventually(lambda: says(admin, 503))
        lives = (await admin.ask("GET", "/livez")).status
        request.write(BODY)
        status = (await asyncio.wait_for(answers.readline(), LIMIT_S)).split()[1]
        request.close()

        assert (lives, status) == (200, b"503")  # there is no bus
        assert await asyncio.wait_for(process.wait(), LIMIT_S) == ENDED_BY_SIGTERM


async def begin_request(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A write in flight, whose body has not arrived."""
    answers, request = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {TASKS} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n"
    request.write(f"{head}Expect: 100-continue\r\n\r\n".encode())
    assert b"100" in await asyncio.wait_for(answers.readline(), LIMIT_S)
    await asyncio.wait_for(answers.readline(), LIMIT_S)
    return answers, request


async def says(admin: Served, status: int) -> bool:
    """Whether /readyz answers with this status."""
    try:
        return (await admin.ask("GET", "/readyz")).status == status
    except ConnectionRefusedError:
        return False

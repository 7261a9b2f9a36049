"""Small answers are written together at the end of a turn of the event loop, each connection's in order."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from common.http_server.flow import Flow
from common.http_server.limits import HELD_BYTES, HELD_FROM_REQUESTS, HttpLimits
from common.http_server.serving import server_config
from starlette.responses import Response
from uvicorn.server import ServerState

from tests.waiting import turns

from .place import HELD, SOUND, Open

MANY = range(HELD_FROM_REQUESTS)
"""Requests in progress."""

FEW = MANY[:-1]


class Recorded(asyncio.Transport):
    """What was done to a connection."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[bytes | str] = []
        self.is_lost = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.done.append(bytes(data))

    def write_eof(self) -> None:
        self.done.append("eof")

    def close(self) -> None:
        self.done.append("close")

    def is_closing(self) -> bool:
        return self.is_lost

    def get_write_buffer_size(self) -> int:
        return 0


@pytest.fixture
async def others() -> AsyncIterator[list[asyncio.Task[Any]]]:
    """Requests in progress that do not end."""
    tasks = [asyncio.create_task(asyncio.Event().wait()) for _ in MANY]
    yield tasks
    for task in tasks:
        task.cancel()


def flow_of(transport: Recorded, in_progress: range) -> Flow:
    return Flow(transport, asyncio.get_running_loop(), 1.0, in_progress)


async def test_answers_of_a_turn_are_written_at_its_end() -> None:
    one, other = Recorded(), Recorded()

    flow_of(one, MANY).write(b"first")
    flow_of(other, MANY).write(b"second")
    within = [*one.done, *other.done]
    await turns()

    assert (within, one.done, other.done) == ([], [b"first"], [b"second"])


@pytest.mark.parametrize(("in_progress", "part"), [(FEW, b"small"), (MANY, b"l" * (HELD_BYTES + 1))], ids=len)
async def test_one_of_few_answers_and_a_large_one_are_written_at_once(in_progress: range, part: bytes) -> None:
    transport = Recorded()

    flow_of(transport, in_progress).write(part)

    assert transport.done == [part]


async def test_parts_of_one_connection_stay_in_order() -> None:
    transport = Recorded()
    flow = flow_of(transport, MANY)

    for part in (b"first", b"second", b"third"):
        flow.write(part)
    await turns()

    assert transport.done == [b"first", b"second", b"third"]


@pytest.mark.parametrize(("end", "ended"), [(Flow.close, "close"), (Flow.write_eof, "eof")], ids=["close", "eof"])
async def test_what_is_held_is_written_before_the_end(end: Callable[[Flow], None], ended: str) -> None:
    transport = Recorded()
    flow = flow_of(transport, MANY)

    flow.write(b"answer")
    end(flow)
    await turns()

    assert transport.done == [b"answer", ended]


async def test_nothing_is_written_to_a_lost_connection() -> None:
    transport = Recorded()

    flow_of(transport, MANY).write(b"answer")
    transport.is_lost = True
    await turns()

    assert transport.done == []


async def test_a_refusal_follows_the_answer_that_is_held(others: list[asyncio.Task[Any]]) -> None:
    config, state, transport = server_config(Response(b"answer"), HttpLimits()), ServerState(), Recorded()
    config.load()
    state.tasks.update(others)
    make: Any = config.http_protocol_class
    connection = make(config=config, server_state=state, app_state={})
    connection.connection_made(transport)

    connection.data_received(SOUND)
    while not state.total_requests:
        await turns()
    connection.data_received(b"GARBAGE\r\n\r\n")  # before the turn ends

    assert [part[:12] for part in transport.done] == [b"HTTP/1.1 200", b"HTTP/1.1 400", "eof"]


async def test_each_client_gets_its_answers_in_order_while_others_wait(opened: Open) -> None:
    place = await opened(HttpLimits())
    waiting = [await place.client(HELD) for _ in MANY]
    busy = [await place.client(SOUND * 20 + b"GARBAGE\r\n\r\n") for _ in range(3)]

    answers = [[await client.status() for _ in range(22)] for client in busy]
    place.let_go.set()

    assert answers == [[200] * 20 + [400, 0]] * 3
    assert [await client.status() for client in waiting] == [200] * len(MANY)

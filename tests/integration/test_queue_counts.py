"""Questions about queues on a real RabbitMQ: none leaves a channel behind, whatever becomes of it."""

import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import pytest
from aio_pika.abc import AbstractConnection
from aiormq.exceptions import ChannelAccessRefused
from common.bus.broker import connect_to
from common.bus.queue_counts import QueueCounts, count_queue
from gateway.metrics import QUEUE_CONSUMERS, QUEUE_MESSAGES
from gateway.queue_watch import WatchedQueue
from local_stack.rabbitmq import Rabbitmq

from tests.waiting import eventually

LOOKS = 30
ANSWER_WITHIN_S = 5.0
QUEUE = "counted"
USER = "looks-at-queues"
PASSWORD = "of-a-test"  # noqa: S105 - of a user who may do nothing
NOTHING = ("", "", "")
WRITE = ("", f"^{QUEUE}", "")


@dataclass(frozen=True)
class Asker:
    """A user's connection, and how many channels RabbitMQ has for it."""

    node: Rabbitmq
    connection: AbstractConnection

    async def ask(self, name: str = QUEUE) -> QueueCounts | None:
        return await count_queue(self.connection, name, within_s=ANSWER_WITHIN_S)

    async def channels(self) -> list[str]:
        """How many channels RabbitMQ has for each connection of the user."""
        rows = (await self.node.control("list_connections", "user", "channels", "--no-table-headers")).splitlines()
        return [channels for user, channels in (row.split() for row in rows) if user == USER]

    async def may(self, permissions: tuple[str, str, str]) -> None:
        await self.node.control("set_permissions", USER, *permissions)

    async def has_channels(self, expected: list[str]) -> bool:
        return await self.channels() == expected


@pytest.fixture
async def node(rabbitmq: Rabbitmq) -> AsyncIterator[Rabbitmq]:
    """With a queue, and a user who may do nothing with it."""
    await rabbitmq.control("add_user", USER, PASSWORD)
    await rabbitmq.control("set_permissions", USER, *NOTHING)
    async with connected(rabbitmq.url) as administrator, administrator.channel() as channel:
        await channel.declare_queue(QUEUE, durable=True)
        yield rabbitmq
        await channel.queue_delete(QUEUE)
    await rabbitmq.control("delete_user", USER)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[AbstractConnection]:
    async with await connect_to(url) as connection:
        yield connection


@pytest.fixture
async def asker(node: Rabbitmq) -> AsyncIterator[Asker]:
    async with connected(f"amqp://{USER}:{PASSWORD}@127.0.0.1:{node.port}/") as connection:
        yield Asker(node, connection)


@pytest.fixture
def refusing(rabbitmq: Rabbitmq) -> None:
    if rabbitmq.version < (4, 2, 6):
        pytest.skip("this RabbitMQ lets every user look at every queue")


async def test_a_queue_is_counted(asker: Asker) -> None:
    await asker.may(WRITE)

    assert await asker.ask() == QueueCounts(messages=0, consumers=0)


async def test_a_queue_that_is_not_there_is_none_and_leaves_no_channel(asker: Asker) -> None:
    await asker.may(WRITE)

    found = [await asker.ask(f"{QUEUE}.not-there") for _ in range(LOOKS)]

    assert found == [None] * LOOKS
    assert await asker.channels() == ["0"]


async def test_a_look_that_is_granted_leaves_no_channel(asker: Asker) -> None:
    await asker.may(WRITE)

    for _ in range(LOOKS):
        await asker.ask()

    assert await asker.channels() == ["0"]


@pytest.mark.usefixtures("refusing")
async def test_a_look_that_is_refused_leaves_no_channel(asker: Asker) -> None:
    for _ in range(LOOKS):
        with pytest.raises(ChannelAccessRefused):
            await asker.ask()

    assert await asker.channels() == ["0"]


async def test_a_look_that_is_not_answered_in_time_leaves_no_channel(asker: Asker) -> None:
    await asker.may(WRITE)

    asker.node.process.send_signal(signal.SIGSTOP)
    try:
        for _ in range(LOOKS):
            with pytest.raises(TimeoutError):
                await count_queue(asker.connection, QUEUE, within_s=0.02)
    finally:
        asker.node.process.send_signal(signal.SIGCONT)

    await eventually(partial(asker.has_channels, ["0"]))
    assert await asker.ask() == QueueCounts(messages=0, consumers=0)


@pytest.mark.usefixtures("refusing")
async def test_the_watch_says_once_that_it_may_not_look_and_goes_on_when_it_may(
    asker: Asker, caplog: pytest.LogCaptureFixture
) -> None:
    watched = WatchedQueue(QUEUE, asker.ask)

    with caplog.at_level(logging.WARNING, "gateway.queue_watch"):
        for _ in range(3):
            await watched.update()
        refused = samples()
        await asker.may(WRITE)
        await watched.update()

    assert [record.levelname for record in caplog.records if QUEUE in record.message] == ["WARNING"]
    assert "deploy/rabbitmq/definitions.json" in caplog.text
    assert refused == []
    assert samples() == [0.0, 0.0]


async def test_the_watch_forgets_a_queue_that_is_gone(asker: Asker) -> None:
    await asker.may(WRITE)
    watched = WatchedQueue(QUEUE, asker.ask)
    await watched.update()
    assert samples() == [0.0, 0.0]

    async with connected(asker.node.url) as administrator, administrator.channel() as channel:
        await channel.queue_delete(QUEUE)
    await watched.update()

    assert samples() == []


def samples() -> list[float]:
    """What the metrics say of the queue."""
    return [
        sample.value
        for gauge in (QUEUE_MESSAGES, QUEUE_CONSUMERS)
        for family in gauge.collect()
        for sample in family.samples
        if sample.labels["queue"] == QUEUE
    ]

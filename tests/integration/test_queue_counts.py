"""Looks at queues on a real RabbitMQ: a connection has one channel for them at most, whatever becomes of a look."""

import gc
import logging
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial

import aiormq
import pytest
from aiormq.exceptions import ChannelAccessRefused
from common.bus.barrier import reaches_queue
from common.bus.broker import Connection, connect_to
from common.bus.declarations import COMMANDS
from common.bus.queue_counts import QueueCounts, count_queue
from gateway.metrics import QUEUE_CONSUMERS, QUEUE_MESSAGES
from gateway.queue_watch import WatchedQueue
from local_stack.rabbitmq import Rabbitmq

from tests.waiting import eventually

LOOKS = 30
ANSWER_WITHIN_S = 5.0
QUEUE = "counted"
MAY_LOOK, MAY_NOT = "looks-at-queues", "looks-at-nothing"
PASSWORD = "of-a-test"  # noqa: S105 - of users who may do little
PERMISSIONS = {MAY_LOOK: ("", f"^{QUEUE}", ""), MAY_NOT: ("", "", "")}


@dataclass(frozen=True)
class Asker:
    """A user's connection, and how many channels RabbitMQ has for it."""

    user: str
    node: Rabbitmq
    connection: Connection

    async def ask(self, name: str = QUEUE) -> QueueCounts | None:
        return await count_queue(self.connection, name, within_s=ANSWER_WITHIN_S)

    async def channels(self) -> list[str]:
        """How many channels RabbitMQ has for each connection of the user."""
        rows = (await self.node.control("list_connections", "user", "channels", "--no-table-headers")).splitlines()
        return [channels for user, channels in (row.split() for row in rows) if user == self.user]

    async def has_channels(self, expected: list[str]) -> bool:
        return await self.channels() == expected


@pytest.fixture(scope="module")
async def node(rabbitmq: Rabbitmq) -> AsyncIterator[Rabbitmq]:
    """With a user who may look at the queue, and another who may do nothing."""
    for user, permissions in PERMISSIONS.items():
        await rabbitmq.control("add_user", user, PASSWORD)
        await rabbitmq.control("set_permissions", user, *permissions)
    yield rabbitmq
    for user in PERMISSIONS:
        await rabbitmq.control("delete_user", user)


@pytest.fixture
async def queue(node: Rabbitmq) -> AsyncIterator[str]:
    """An empty queue."""
    async with connected(node.url) as administrator, administrator.channel() as channel:
        await channel.declare_queue(QUEUE, durable=True)
        yield QUEUE
        await channel.queue_delete(QUEUE)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    async with await connect_to(url) as connection:
        yield connection


@asynccontextmanager
async def connected_as(user: str, node: Rabbitmq) -> AsyncIterator[Asker]:
    async with connected(f"amqp://{user}:{PASSWORD}@127.0.0.1:{node.port}/") as connection:
        yield Asker(user, node, connection)


@pytest.fixture
async def asker(node: Rabbitmq, queue: str) -> AsyncIterator[Asker]:
    """One who may look at the queue."""
    async with connected_as(MAY_LOOK, node) as asker:
        yield asker


@pytest.fixture
async def refused(node: Rabbitmq, queue: str) -> AsyncIterator[Asker]:
    """One who may not."""
    if node.version < (4, 2, 6):
        pytest.skip("this RabbitMQ lets every user look at every queue")
    async with connected_as(MAY_NOT, node) as asker:
        yield asker


async def test_a_queue_is_counted(asker: Asker) -> None:
    assert await asker.ask() == QueueCounts(messages=0, consumers=0)


async def test_a_queue_that_is_not_there_is_none_and_leaves_no_channel(asker: Asker) -> None:
    found = [await asker.ask(f"{QUEUE}.not-there") for _ in range(LOOKS)]

    assert found == [None] * LOOKS
    assert await asker.channels() == ["0"]


async def test_all_looks_that_are_granted_share_one_channel(asker: Asker) -> None:
    for _ in range(LOOKS):
        await asker.ask()

    assert await asker.channels() == ["1"]


async def test_a_look_leaves_nothing_for_the_garbage_collector(node: Rabbitmq) -> None:
    async with connected(node.url) as connection, connection.channel() as channel:
        await channel.declare_queue(COMMANDS.name, durable=True, arguments=COMMANDS.arguments)

        async def look() -> None:
            await count_queue(connection, COMMANDS.name, within_s=ANSWER_WITHIN_S)
            await reaches_queue(connection, within_s=ANSWER_WITHIN_S)

        await look()
        with collector_paused():
            before = channels_in_memory()
            for _ in range(LOOKS):
                await look()
            left = channels_in_memory() - before
        await channel.queue_delete(COMMANDS.name)

    assert left < LOOKS  # not one of each; other tests' connections may open some meanwhile


async def test_a_look_that_is_refused_leaves_no_channel(refused: Asker) -> None:
    for _ in range(LOOKS):
        with pytest.raises(ChannelAccessRefused):
            await refused.ask()

    assert await refused.channels() == ["0"]


async def test_a_look_that_is_not_answered_in_time_leaves_no_channel(asker: Asker) -> None:
    asker.node.process.send_signal(signal.SIGSTOP)
    try:
        for _ in range(LOOKS):
            with pytest.raises(TimeoutError):
                await count_queue(asker.connection, QUEUE, within_s=0.02)
    finally:
        asker.node.process.send_signal(signal.SIGCONT)

    await eventually(partial(asker.has_channels, ["0"]))
    assert await asker.ask() == QueueCounts(messages=0, consumers=0)


async def test_the_watch_says_once_that_it_may_not_look_and_goes_on_when_it_may(
    refused: Asker, caplog: pytest.LogCaptureFixture
) -> None:
    watched = WatchedQueue(QUEUE, refused.ask)

    with caplog.at_level(logging.WARNING, "gateway.queue_watch"):
        for _ in range(3):
            await watched.update()
        before = samples()
        await refused.node.control("set_permissions", MAY_NOT, *PERMISSIONS[MAY_LOOK])
        await watched.update()
        await refused.node.control("set_permissions", MAY_NOT, *PERMISSIONS[MAY_NOT])

    assert [record.levelname for record in caplog.records if QUEUE in record.message] == ["WARNING"]
    assert "deploy/rabbitmq/definitions.json" in caplog.text
    assert before == []
    assert samples() == [0.0, 0.0]


async def test_the_watch_forgets_a_queue_that_is_gone(asker: Asker) -> None:
    watched = WatchedQueue(QUEUE, asker.ask)
    await watched.update()
    assert samples() == [0.0, 0.0]

    async with connected(asker.node.url) as administrator, administrator.channel() as channel:
        await channel.queue_delete(QUEUE)
    await watched.update()

    assert samples() == []


@contextmanager
def collector_paused() -> Iterator[None]:
    """With nothing to collect at first."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def channels_in_memory() -> int:
    """Those that only the collector would free count, too."""
    return sum(isinstance(one, aiormq.Channel) for one in gc.get_objects())


def samples() -> list[float]:
    """What the metrics say of the queue."""
    return [
        sample.value
        for gauge in (QUEUE_MESSAGES, QUEUE_CONSUMERS)
        for family in gauge.collect()
        for sample in family.samples
        if sample.labels["queue"] == QUEUE
    ]

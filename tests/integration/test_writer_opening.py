"""The task-writer reopens its connections until that works, whatever the cause, and readiness shows the cause."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aio_pika
import httpx
import pytest
from common.bus.broker import connect_to
from common.bus.topology import COMMANDS_NAME, DEAD_LETTERS_NAME
from local_stack.ports import pick_port
from local_stack.rabbitmq import Rabbitmq
from local_stack.rabbitmq_users import SERVICE_USERS
from task_writer.app import Writer, open_writer

from faults.alarms import alarm
from tests.commands import create, toggle
from tests.conftest import Addresses, writer_settings
from tests.integration.locks import Locks
from tests.integration.raw_gateway import RawGateway, raw_gateway
from tests.waiting import eventually

WRITER = SERVICE_USERS[1]
LIMIT_S = 30.0
SOON_S = 5.0
CANCELLED = "task-writer commands: RabbitMQ was lost: RabbitMQ cancelled the consumer"
CLOSE_ALL = ("close_all_connections", "an operator's order")
NOTHING = ("^$", "^$", "^$")
ALL_THAT_IT_NEEDS = (
    r"^tasks\.(commands|dead-letters|changed)$",
    r"^(amq\.default|tasks\.changed)$",
    r"^tasks\.commands$",
)
CONNECTIONS = ["task-writer commands", "task-writer dead letters", "task-writer replies"]


@pytest.fixture
async def writer(node: Rabbitmq, addresses: Addresses) -> AsyncIterator[Writer]:
    async with open_writer(writer_settings(addresses, node.user_urls[WRITER])) as opened:
        yield opened


@asynccontextmanager
async def allowed(node: Rabbitmq, *permissions: str) -> AsyncIterator[None]:
    """The writer may do this meanwhile: configure, write, read."""
    await node.control("set_permissions", WRITER, *permissions)
    try:
        yield
    finally:
        await node.control("set_permissions", WRITER, *ALL_THAT_IT_NEEDS)


async def is_up(writer: Writer) -> None:
    async def is_ready() -> bool:
        return (await writer.health.look())[0]

    await eventually(is_ready, within_s=LIMIT_S)
    assert writer.health.reasons() == {}


async def is_down(writer: Writer, component: str, *, saying: str) -> None:
    async def says_so() -> bool:
        ready, _ = await writer.health.look()
        return not ready and saying in writer.health.reasons().get(component, "")

    await eventually(says_so, within_s=LIMIT_S)


def losses(caplog: pytest.LogCaptureFixture, saying: str) -> int:
    """How often a connection was lost for this reason, by the log. A lost one is replaced within tenths of a second,
    so whoever asks for its state now and then may miss that."""
    return caplog.text.count(f"the bus is down: {saying}")


async def is_lost(caplog: pytest.LogCaptureFixture, *, saying: str, after: int) -> None:
    async def is_said() -> bool:
        return losses(caplog, saying) > after

    await eventually(is_said, within_s=LIMIT_S)


async def works(node: Rabbitmq) -> None:
    """Exactly one consumer takes a batch, and answers it."""
    async with raw_gateway(node.url) as gateway:
        assert [outcome.status for outcome in await gateway.call(create())] == ["done"]
        assert await consumers(gateway) == 1
        assert await gateway.waiting(DEAD_LETTERS_NAME) == 0


async def consumers(gateway: RawGateway) -> int | None:
    queue = await gateway.channel.declare_queue(COMMANDS_NAME, passive=True)
    return queue.declaration_result.consumer_count


async def has_connections(node: Rabbitmq, names: list[str]) -> None:
    """RabbitMQ lists those that were closed a moment longer."""

    async def are_listed() -> bool:
        listed = await node.control("list_connections", "--no-table-headers", "user", "client_properties")
        lines = [line for line in listed.splitlines() if line.startswith(WRITER)]
        return sorted(name for name in CONNECTIONS for line in lines if f'"{name}"' in line) == names

    await eventually(are_listed, within_s=LIMIT_S)


@pytest.mark.parametrize(
    ("permissions", "component"),
    [
        (NOTHING, "dead_letters"),
        (("^$", *ALL_THAT_IT_NEEDS[1:]), "dead_letters"),
        ((ALL_THAT_IT_NEEDS[0], "^$", ALL_THAT_IT_NEEDS[2]), "dead_letters"),
        ((r"^tasks\.dead-letters$", *ALL_THAT_IT_NEEDS[1:]), "commands"),
        ((*ALL_THAT_IT_NEEDS[:2], "^$"), "commands"),
    ],
    ids=["none", "to declare", "to publish", "to declare commands", "to consume"],
)
async def test_rights_that_come_late_open_it(
    node: Rabbitmq, addresses: Addresses, permissions: tuple[str, str, str], component: str
) -> None:
    async with allowed(node, *permissions):
        opened = open_writer(writer_settings(addresses, node.user_urls[WRITER]))
        writer = await opened.__aenter__()
        await is_down(writer, component, saying="ACCESS_REFUSED")
    try:
        await is_up(writer)
        await works(node)
        await has_connections(node, CONNECTIONS)
    finally:
        await opened.__aexit__(None, None, None)


async def test_connections_that_an_operator_closes_are_replaced_by_one_each(
    node: Rabbitmq, writer: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    closed = "task-writer commands: RabbitMQ was lost: "
    for _ in range(3):
        await is_up(writer)
        known = losses(caplog, closed)
        await node.control(*CLOSE_ALL)
        await is_lost(caplog, saying=closed, after=known)
    assert "an operator's order" in caplog.text

    await is_up(writer)
    await works(node)
    await has_connections(node, CONNECTIONS)


async def test_a_queue_that_is_deleted_under_the_consumer_is_made_anew_and_consumed(
    node: Rabbitmq, writer: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        await is_up(writer)
        known = losses(caplog, CANCELLED)
        async with await connect_to(node.url) as connection:
            await (await connection.channel()).queue_delete(COMMANDS_NAME)
        await is_lost(caplog, saying=CANCELLED, after=known)

    await is_up(writer)
    await works(node)
    await has_connections(node, CONNECTIONS)


async def test_a_deleted_dead_letter_queue_is_declared_again_for_the_next_dead_letter(
    node: Rabbitmq, writer: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    rejected = f"task-writer dead letters: RabbitMQ was lost: RabbitMQ rejected a message for {DEAD_LETTERS_NAME}"
    await is_up(writer)
    async with raw_gateway(node.url) as gateway:
        await gateway.channel.queue_delete(DEAD_LETTERS_NAME)
        await gateway.send_bytes(b"{")
        await is_lost(caplog, saying=rejected, after=0)
        await is_up(writer)

        dead_letter = await gateway.dead_letter()

    assert dead_letter.body == b"{"


async def test_batches_in_progress_when_the_consumer_is_cancelled_are_done_and_answered(
    node: Rabbitmq, writer: Writer, locks: Locks, caplog: pytest.LogCaptureFixture
) -> None:
    task = create(expires_in_s=LIMIT_S)
    await is_up(writer)
    async with raw_gateway(node.url) as gateway:
        await gateway.call(task)
        async with locks.held(task) as blocker:
            await gateway.send(toggle(task.user_id, task.task_id, expires_in_s=LIMIT_S))
            await locks.awaited()
            await gateway.channel.queue_delete(COMMANDS_NAME)
            await is_lost(caplog, saying=CANCELLED, after=0)
            await blocker.rollback()

        _, outcomes = await gateway.reply()

    assert [outcome.status for outcome in outcomes] == ["done"]


async def test_a_batch_that_arrives_before_faststream_is_running_is_carried_out(
    node: Rabbitmq, addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FastStream drops such a message by itself, and it would wait until the connection ends."""
    answered: list[str] = []
    settings = writer_settings(addresses, node.user_urls[WRITER])
    async with open_writer(settings) as first:
        await is_up(first)  # the queue exists from now on
    async with raw_gateway(node.url) as gateway:
        await gateway.send(create(expires_in_s=LIMIT_S))
        consume = aio_pika.Queue.consume

        async def answers_late(queue: aio_pika.Queue, *given: Any, **more: Any) -> str:
            tag = await consume(queue, *given, **more)
            answered.extend(outcome.status for outcome in (await gateway.reply())[1])
            return tag

        monkeypatch.setattr(aio_pika.Queue, "consume", answers_late)
        async with open_writer(settings) as second:
            await is_up(second)

    assert answered == ["done"]


async def test_a_rabbitmq_that_is_started_later_opens_it_and_readyz_says_so(
    node: Rabbitmq, addresses: Addresses
) -> None:
    await node.stop()
    settings = writer_settings(addresses, node.user_urls[WRITER]).model_copy(update={"admin_port": pick_port()})
    async with open_writer(settings) as writer, httpx.AsyncClient() as client:
        await is_down(writer, "dead_letters", saying="RabbitMQ cannot be used: AMQPConnectionError")
        answer = await client.get(f"http://127.0.0.1:{settings.admin_port}/readyz")
        assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert answer.json()["components"]["commands"] == "down"
        assert "RabbitMQ cannot be used" in answer.json()["reasons"]["replies"]

        await node.start()

        await is_up(writer)
        await works(node)
        assert (await client.get(f"http://127.0.0.1:{settings.admin_port}/readyz")).is_success


async def test_a_password_that_is_set_late_opens_it_and_none_is_shown(node: Rabbitmq, addresses: Addresses) -> None:
    password = node.user_urls[WRITER].partition(f"{WRITER}:")[2].partition("@")[0]
    await node.control("change_password", WRITER, "another-password")
    async with open_writer(writer_settings(addresses, node.user_urls[WRITER])) as writer:
        await is_down(writer, "replies", saying="ACCESS_REFUSED")
        assert password not in str(writer.health.reasons())

        await node.control("change_password", WRITER, password)

        await is_up(writer)


async def test_it_is_opened_during_an_alarm(node: Rabbitmq, addresses: Addresses) -> None:
    async with alarm(node, "memory"), open_writer(writer_settings(addresses, node.user_urls[WRITER])) as writer:
        await asyncio.wait_for(writer.consuming(), LIMIT_S)


@pytest.mark.parametrize("down", [False, True], ids=["RabbitMQ up", "RabbitMQ down"])
async def test_it_stops_in_time_and_leaves_nothing_running(node: Rabbitmq, addresses: Addresses, down: bool) -> None:
    before = asyncio.all_tasks()
    if down:
        await node.stop()
    try:
        async with open_writer(writer_settings(addresses, node.user_urls[WRITER])) as writer:
            await (is_down(writer, "replies", saying="cannot be used") if down else is_up(writer))
            await asyncio.wait_for(writer.drain(), SOON_S)
        await eventually(partial(no_more_than, before), within_s=SOON_S)
    finally:
        if down:
            await node.start()
    await has_connections(node, [])


async def no_more_than(before: "set[asyncio.Task[Any]]") -> bool:
    return {task for task in asyncio.all_tasks() if not task.done()} <= before

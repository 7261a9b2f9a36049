"""The task-writer tells by hints whose tasks have changed, after the commit, and no write waits for them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import AMQPError
from common.bus.broker import connect_to
from common.bus.topology import HINTS_NAME
from common.contracts.hints import ChangeHint
from common.contracts.outcomes import Outcome
from common.postgres.database import Database
from common.runtime.background import running
from local_stack.rabbitmq import Rabbitmq
from local_stack.rabbitmq_users import SERVICE_USERS
from prometheus_client import REGISTRY
from task_writer.app import Writer, open_writer
from task_writer.batches import Answered, carry_out
from task_writer.consumer.hinting import HintPublisher

from faults.alarms import alarm
from tests.commands import create, delete, toggle
from tests.conftest import Addresses, writer_settings
from tests.integration.raw_gateway import RawGateway, raw_gateway
from tests.waiting import eventually

WRITER = SERVICE_USERS[1]
WITHOUT_HINTS = (r"^tasks\.(commands|dead-letters)$", r"^amq\.default$", r"^tasks\.commands$")
WITH_HINTS = (r"^tasks\.(commands|dead-letters|changed)$", r"^(amq\.default|tasks\.changed)$", r"^tasks\.commands$")
LIMIT_S = 30.0


@dataclass(frozen=True)
class Listener:
    """Hears all hints, as a gateway does."""

    heard: "asyncio.Queue[AbstractIncomingMessage]"

    async def next(self) -> ChangeHint:
        async with asyncio.timeout(LIMIT_S):
            message = await self.heard.get()
        assert (message.delivery_mode, message.reply_to) == (1, None)
        return ChangeHint.model_validate_json(message.body)


@asynccontextmanager
async def listening(node: Rabbitmq) -> AsyncIterator[Listener]:
    async with await connect_to(node.url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(HINTS_NAME)
        heard: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        await queue.consume(heard.put, no_ack=True)
        yield Listener(heard)


@asynccontextmanager
async def allowed(node: Rabbitmq, *permissions: str) -> AsyncIterator[None]:
    await node.control("set_permissions", WRITER, *permissions)
    try:
        yield
    finally:
        await node.control("set_permissions", WRITER, *WITH_HINTS)


def hints(result: str) -> float:
    return REGISTRY.get_sample_value("taskwire_hints_total", {"result": result}) or 0.0


@pytest.fixture
async def writer(node: Rabbitmq, addresses: Addresses) -> AsyncIterator[Writer]:
    """One that may tell: it has told the outcome of a first command."""
    async with open_writer(writer_settings(addresses, node.user_urls[WRITER])) as opened:
        await opened.consuming()
        async with raw_gateway(node.url) as gateway:
            sent = hints("sent")

            async def tells() -> bool:
                await gateway.call(create())
                return hints("sent") > sent

            await eventually(tells, within_s=LIMIT_S)
        yield opened


@pytest.fixture
async def gateway(node: Rabbitmq, writer: Writer) -> AsyncIterator[RawGateway]:
    async with raw_gateway(node.url) as raw:
        yield raw


async def test_a_batch_is_one_hint_with_each_user_at_the_revision_reached(node: Rabbitmq, gateway: RawGateway) -> None:
    first, other, gone = create(), create(), create()
    async with listening(node) as listener:
        outcomes = await gateway.call(
            first, other, gone, toggle(first.user_id, first.task_id), delete(gone.user_id, gone.task_id)
        )
        hint = await listener.next()

        assert hint.revisions == {
            first.user_id: outcomes[3].revision,
            other.user_id: outcomes[1].revision,
            gone.user_id: outcomes[4].revision,
        }
        assert listener.heard.empty()


async def test_batches_that_are_answered_meanwhile_share_the_next_hint(node: Rabbitmq, addresses: Addresses) -> None:
    """It names the last revision of each user, whichever batch was answered last."""
    user, others = uuid4(), [uuid4() for _ in range(100)]
    publisher = HintPublisher(writer_settings(addresses, node.user_urls[WRITER]))
    async with AsyncExitStack() as opened:
        await opened.enter_async_context(running("hints", publisher.connection.keep_open))
        await eventually(lambda: is_open(publisher), within_s=LIMIT_S)  # the exchange is there from now on
        listener = await opened.enter_async_context(listening(node))
        for revision, other in enumerate(others, start=2):
            publisher.announce([answered(other, 1), answered(user, revision)])
        publisher.announce([answered(user, 1)])
        async with running("sending", publisher.keep_sending):
            hint = await listener.next()
            publisher.announce([answered(user, 200)])
            then = await listener.next()

        assert hint.revisions == dict.fromkeys(others, 1) | {user: 101}
        assert then.revisions == {user: 200}
        assert listener.heard.empty()


def answered(user: UUID, revision: int) -> Answered:
    return Answered(create(user), Outcome(status="done", revision=revision))


async def is_open(publisher: HintPublisher) -> bool:
    return publisher.connection.current is not None


async def test_a_batch_that_has_done_nothing_is_not_told(node: Rabbitmq, gateway: RawGateway) -> None:
    task = create()
    async with listening(node) as listener:
        await gateway.call(toggle(uuid4(), uuid4()), create(expires_in_s=-1))
        await gateway.call(task)

        assert (await listener.next()).revisions.keys() == {task.user_id}


async def test_a_batch_that_comes_again_is_told_again(
    node: Rabbitmq, gateway: RawGateway, writer_database: Database
) -> None:
    """The writer that committed it may have died before it told."""
    task = create()
    (committed,) = await carry_out(writer_database, [task])
    async with listening(node) as listener:
        await gateway.call(task)

        assert (await listener.next()).revisions == {task.user_id: committed.outcome.revision}


async def test_nobody_needs_to_listen(gateway: RawGateway) -> None:
    sent, dropped = hints("sent"), hints("dropped")

    for _ in range(3):
        assert [one.status for one in await gateway.call(create())] == ["done"]

    async def told() -> bool:
        return hints("sent") > sent

    await eventually(told)
    assert hints("dropped") == dropped


async def test_without_the_rights_writes_are_answered_and_hints_are_counted_as_dropped(
    node: Rabbitmq, addresses: Addresses
) -> None:
    """As on a RabbitMQ that still has the permissions of the release before."""
    async with (
        allowed(node, *WITHOUT_HINTS),
        open_writer(writer_settings(addresses, node.user_urls[WRITER])) as writer,
        raw_gateway(node.url) as gateway,
    ):
        await writer.consuming()
        dropped = hints("dropped")

        outcomes = await gateway.call(create())
        ready, _ = await writer.health.look()

        assert ([one.status for one in outcomes], ready) == (["done"], True)

        async def is_counted() -> bool:
            return hints("dropped") > dropped

        await eventually(is_counted)


async def test_an_exchange_that_is_deleted_is_declared_again(node: Rabbitmq, gateway: RawGateway) -> None:
    await gateway.channel.exchange_delete(HINTS_NAME)

    async def told_again() -> bool:
        assert [one.status for one in await gateway.call(create())] == ["done"]
        try:
            async with listening(node) as listener:
                task = create()
                await gateway.call(task)
                return (await asyncio.wait_for(listener.next(), 1.0)).revisions.keys() == {task.user_id}
        except (AMQPError, TimeoutError):  # there is no exchange yet
            return False

    await eventually(told_again, within_s=LIMIT_S)


async def test_after_an_alarm_hints_are_told_again(node: Rabbitmq, writer: Writer) -> None:
    async with alarm(node, "memory"):
        pass

    async with raw_gateway(node.url) as gateway, listening(node) as listener:
        task = create()
        assert [one.status for one in await gateway.call(task)] == ["done"]

        assert task.user_id in (await listener.next()).revisions

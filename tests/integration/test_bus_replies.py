"""Replies as a writer might send them, on a real RabbitMQ: none ends anything but its own batch, and none raises."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aiormq.abc import DeliveredMessage
from common.bus.broker import connect_to
from common.bus.declarations import COMMANDS
from common.bus.topology import COMMANDS_NAME, PERSISTENT, SAME_PRIORITY
from common.contracts.outcomes import Outcome, OutcomeBatch
from gateway.bus_link import BusLink, open_bus_link
from gateway.bus_session import OutcomeUnknown
from gateway.settings import GatewaySettings
from local_stack.rabbitmq import Rabbitmq
from prometheus_client import REGISTRY
from pydantic import HttpUrl, SecretStr

from tests.commands import create, plain
from tests.waiting import eventually

DONE = Outcome(status="done", task="{}")
LIMIT_S = 10.0
CONSUMER = "played writer"


@dataclass(frozen=True)
class PlayedWriter:
    """Consumes batches, and replies as the test sets it."""

    channel: AbstractChannel
    batches: asyncio.Queue[AbstractIncomingMessage]

    async def take(self) -> AbstractIncomingMessage:
        """The next batch."""
        return await asyncio.wait_for(self.batches.get(), LIMIT_S)

    async def reply(self, to: AbstractIncomingMessage, body: bytes, correlation_id: str | None) -> None:
        assert to.reply_to is not None
        message = aio_pika.Message(body, correlation_id=correlation_id)
        await self.channel.default_exchange.publish(message, to.reply_to, mandatory=False)


@pytest.fixture
async def writer(rabbitmq: Rabbitmq) -> AsyncIterator[PlayedWriter]:
    async with await connect_to(rabbitmq.url) as connection:
        channel = await connection.channel()
        await channel.queue_delete(COMMANDS_NAME)
        commands = await channel.declare_queue(COMMANDS_NAME, durable=True, arguments=COMMANDS.arguments)
        played = PlayedWriter(channel, asyncio.Queue())
        await commands.consume(played.batches.put, no_ack=True, consumer_tag=CONSUMER)
        yield played
        await channel.queue_delete(COMMANDS_NAME)


@pytest.fixture
async def link(rabbitmq: Rabbitmq) -> AsyncIterator[BusLink]:
    settings = GatewaySettings(
        rabbitmq_url=SecretStr(rabbitmq.url), reader_url=HttpUrl("http://unused"), port=0, bus_start_timeout_s=LIMIT_S
    )
    async with open_bus_link(settings) as opened:
        yield opened


def outcomes(*given: Outcome) -> bytes:
    return OutcomeBatch(outcomes=list(given)).model_dump_json().encode()


def counted() -> tuple[float, float]:
    """Bad replies, and late ones."""
    bad, late = (REGISTRY.get_sample_value(f"taskwire_{kind}_replies_total") for kind in ("bad", "late"))
    return bad or 0, late or 0


@pytest.mark.parametrize(
    ("body", "names_its_batch"),
    [
        (outcomes(DONE), False),
        (b"", True),
        (b"\xff\xfe", True),
        (b"[" * 100_000, True),
        (b'{"outcomes": [{"status": "elsewhere"}]}', True),
        (outcomes(), True),
        (outcomes(DONE, DONE), True),
    ],
    ids=["no correlation id", "empty", "no text", "deep", "strange status", "too few outcomes", "too many outcomes"],
)
async def test_a_bad_reply_is_counted_and_the_good_one_is_heard_after_it(
    link: BusLink, writer: PlayedWriter, body: bytes, names_its_batch: bool
) -> None:
    bad, late = counted()
    asking = asyncio.create_task(link.ask([plain(create())], LIMIT_S))
    batch = await writer.take()

    await writer.reply(batch, body, batch.correlation_id if names_its_batch else None)
    await writer.reply(batch, outcomes(DONE), batch.correlation_id)

    assert await asking == [DONE]
    assert counted() == (bad + 1, late)


@pytest.mark.parametrize("correlation_id", ["", "of no batch", "x" * 255, "8d1c3f7e-0000-4000-8000-000000000000"])
async def test_a_reply_of_no_batch_is_counted_as_late(link: BusLink, writer: PlayedWriter, correlation_id: str) -> None:
    bad, late = counted()
    asking = asyncio.create_task(link.ask([plain(create())], LIMIT_S))
    batch = await writer.take()

    await writer.reply(batch, outcomes(DONE), correlation_id)
    await writer.reply(batch, outcomes(DONE), batch.correlation_id)

    assert await asking == [DONE]
    assert sum(counted()) == bad + late + 1  # RabbitMQ hands an empty id over as none


async def test_a_reply_after_the_deadline_is_ignored(link: BusLink, writer: PlayedWriter) -> None:
    with pytest.raises(OutcomeUnknown):
        await link.ask([plain(create())], 0.2)
    batch = await writer.take()
    bad, late = counted()

    await writer.reply(batch, outcomes(DONE), batch.correlation_id)

    async def is_counted() -> bool:
        return counted() == (bad, late + 1)

    await eventually(is_counted)


async def test_a_reply_that_comes_twice_is_heard_once_and_counted(link: BusLink, writer: PlayedWriter) -> None:
    bad, late = counted()
    asking = asyncio.create_task(link.ask([plain(create())], LIMIT_S))
    batch = await writer.take()

    for reply in (outcomes(DONE), outcomes(Outcome(status="not_found"))):
        await writer.reply(batch, reply, batch.correlation_id)

    async def second_is_counted() -> bool:
        return counted() == (bad, late + 1)

    assert await asking == [DONE]
    await eventually(second_is_counted)


async def test_a_batch_that_has_ended_leaves_nothing_behind(link: BusLink, writer: PlayedWriter) -> None:
    answered = asyncio.create_task(link.ask([plain(create())], LIMIT_S))
    batch = await writer.take()
    await writer.reply(batch, outcomes(DONE), batch.correlation_id)
    await answered
    with pytest.raises(OutcomeUnknown):
        await link.ask([plain(create())], 0.05)

    assert link._session is not None
    assert link._session._pending == {}


async def test_a_batch_is_persistent_and_overtakes_none(link: BusLink, writer: PlayedWriter) -> None:
    """Without a priority, RabbitMQ 4.3 would deliver it before those that have one, such as replayed commands."""
    channel = await writer.channel.get_underlay_channel()
    delivered: asyncio.Queue[DeliveredMessage] = asyncio.Queue()
    await channel.basic_cancel(CONSUMER)
    await channel.basic_consume(COMMANDS_NAME, delivered.put, no_ack=True)

    asking = asyncio.create_task(link.ask([plain(create())], LIMIT_S))
    properties = (await asyncio.wait_for(delivered.get(), LIMIT_S)).header.properties
    asking.cancel()

    assert (properties.delivery_mode, properties.priority) == (PERSISTENT, SAME_PRIORITY)


async def test_replies_come_in_any_order(link: BusLink, writer: PlayedWriter) -> None:
    first, second = [asyncio.create_task(link.ask([plain(create())], LIMIT_S)) for _ in range(2)]
    batches = [await writer.take(), await writer.take()]

    for number in (1, 0):
        reply = outcomes(Outcome(status="done", task=str(number)))
        await writer.reply(batches[number], reply, batches[number].correlation_id)

    assert [(await one)[0].task for one in (first, second)] == ["0", "1"]

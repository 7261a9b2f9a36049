"""A gateway that lists several nodes sends what was in flight on one that goes away again, to another, before its
deadline: two lines to one real RabbitMQ stand for two nodes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from aio_pika import Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from common.bus.broker import Connection, connect_to
from common.bus.declarations import COMMANDS
from common.bus.kept_connection import KeptConnection
from common.bus.topology import COMMANDS_NAME
from common.contracts.commands import AnyCommand
from common.contracts.outcomes import Outcome, OutcomeBatch
from common.runtime.background import running
from gateway.bus_link import REOPEN_GRACE_S, BusLink, open_bus_link
from gateway.bus_session import OutcomeUnknown
from gateway.settings import GatewaySettings
from local_stack.rabbitmq import Rabbitmq
from pydantic import HttpUrl, SecretStr

from faults.lines import Line, line_to
from tests.commands import create, plain
from tests.waiting import eventually

LIMIT_S = 10.0
DONE = Outcome(status="done", task="{}")


@dataclass(frozen=True)
class Bus:
    """A gateway's link through two lines, and the batches that it has sent."""

    link: BusLink
    lines: Sequence[Line]
    channel: AbstractChannel
    sent: asyncio.Queue[AbstractIncomingMessage]

    async def next_batch(self) -> AbstractIncomingMessage:
        """But for the barriers of new sessions."""
        while (message := await asyncio.wait_for(self.sent.get(), LIMIT_S)).type == "barrier":
            pass
        return message

    async def reply(self, to: AbstractIncomingMessage, outcome: Outcome) -> None:
        assert to.reply_to is not None
        body = OutcomeBatch(outcomes=[outcome]).model_dump_json().encode()
        await self.channel.default_exchange.publish(
            Message(body, correlation_id=to.correlation_id), to.reply_to, mandatory=False
        )


@pytest.fixture
async def bus(rabbitmq: Rabbitmq) -> AsyncIterator[Bus]:
    async with (
        line_to(rabbitmq.port) as one,
        line_to(rabbitmq.port) as other,
        await connect_to(rabbitmq.url) as connection,
    ):
        channel = await connection.channel()
        await channel.queue_delete(COMMANDS_NAME)
        commands = await channel.declare_queue(COMMANDS_NAME, durable=True, arguments=COMMANDS.arguments)
        sent = asyncio.Queue[AbstractIncomingMessage]()
        await commands.consume(sent.put, no_ack=True)
        async with link_through(rabbitmq, one, other) as link:
            yield Bus(link, (one, other), channel, sent)
        await channel.queue_delete(COMMANDS_NAME)


@asynccontextmanager
async def link_through(rabbitmq: Rabbitmq, *lines: Line) -> AsyncIterator[BusLink]:
    async with open_bus_link(settings_through(rabbitmq, *lines)) as link:
        yield link


def settings_through(rabbitmq: Rabbitmq, *lines: Line) -> GatewaySettings:
    address = urlsplit(rabbitmq.url)
    user = f"{address.username}:{address.password}"
    urls = [address._replace(netloc=f"{user}@127.0.0.1:{line.port}").geturl() for line in lines]
    return GatewaySettings(
        rabbitmq_url=SecretStr(",".join(urls)),
        reader_url=HttpUrl("http://unused"),
        port=0,
        bus_start_timeout_s=LIMIT_S,
    )


def asking(bus: Bus, command: AnyCommand, *, within_s: float = LIMIT_S) -> asyncio.Task[Sequence[Outcome]]:
    return asyncio.create_task(bus.link.ask([plain(command)], within_s))


def lose_node(bus: Bus) -> None:
    """The connection to whichever it is breaks; the other one takes the next."""
    for line in bus.lines:
        line.cut()


async def test_what_was_in_flight_is_sent_again_as_it_was_and_answered(bus: Bus) -> None:
    asked = asking(bus, create())
    first = await bus.next_batch()

    lose_node(bus)
    second = await bus.next_batch()
    await bus.reply(first, DONE)
    await bus.reply(second, DONE)

    assert await asked == [DONE]
    assert second.body == first.body
    assert second.reply_to != first.reply_to


@pytest.mark.parametrize("status", ["expired", "not_found", "unknown"])
async def test_what_is_certain_of_both_is_answered(bus: Bus, status: str) -> None:
    outcome = Outcome.model_validate({"status": status, "reason": "as the task-writer says"})
    asked = asking(bus, create())
    await bus.next_batch()

    lose_node(bus)
    await bus.reply(await bus.next_batch(), outcome)

    assert await asked == [outcome]


async def test_a_refusal_is_not_certain_of_what_was_sent_before(bus: Bus) -> None:
    asked = asking(bus, create())
    await bus.next_batch()

    lose_node(bus)
    await bus.reply(await bus.next_batch(), Outcome(status="refused", reason="PostgreSQL is away."))

    assert [outcome.status for outcome in await asked] == ["unknown"]


async def test_without_another_node_in_time_the_outcome_is_unknown(bus: Bus) -> None:
    asked = asking(bus, create())
    await bus.next_batch()
    began = asyncio.get_running_loop().time()

    for line in bus.lines:
        line.close()

    with pytest.raises(OutcomeUnknown):
        await asked
    assert asyncio.get_running_loop().time() - began < REOPEN_GRACE_S + 1


async def test_it_is_not_waited_for_longer_than_the_deadline(bus: Bus) -> None:
    began = asyncio.get_running_loop().time()
    asked = asking(bus, create(), within_s=1.0)
    await bus.next_batch()

    lose_node(bus)
    await bus.next_batch()

    with pytest.raises(OutcomeUnknown):
        await asked
    assert asyncio.get_running_loop().time() - began < 2.0


@pytest.mark.parametrize("_", range(4))
async def test_a_connection_opens_at_the_node_of_the_one_that_it_is_to_be_beside(rabbitmq: Rabbitmq, _: int) -> None:
    """As a task-writer's consumer at that of its replies: but not at one that it has just lost."""
    async with line_to(rabbitmq.port) as one, line_to(rabbitmq.port) as other:
        settings = settings_through(rabbitmq, one, other)
        replies, consumer = (KeptConnection(settings, name, opened_at_once) for name in ("replies", "consumer"))
        consumer.beside = replies
        async with running("replies", replies.keep_open):
            await asyncio.wait_for(replies.usable(), LIMIT_S)
            async with running("consumer", consumer.keep_open):
                await asyncio.wait_for(consumer.usable(), LIMIT_S)
                former, first_node = consumer.connection, consumer.node

                consumer.renew("its node was found to be cut off")

                await eventually(lambda: is_another(consumer, former), within_s=LIMIT_S)
                assert first_node == replies.node
                assert consumer.node != replies.node


async def opened_at_once(_: Connection) -> None:
    return None


async def is_another(kept: KeptConnection[None], former: Connection | None) -> bool:
    return kept.connection is not None and kept.connection is not former

"""The gateway's side of the bus on a real RabbitMQ, through a proxy that can break the line."""

import asyncio
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import ChannelNotFoundEntity
from common.contracts import Outcome
from common.topology import COMMANDS, COMMANDS_NAME
from gateway.bus_link import open_bus
from gateway.command_bus import CommandBus
from gateway.settings import GatewaySettings
from local_stack.rabbitmq import Rabbitmq
from pydantic import HttpUrl, SecretStr

from faults.lines import Line, line_to
from tests.commands import create
from tests.waiting import eventually


@pytest.fixture
async def channel(rabbitmq: Rabbitmq) -> AsyncIterator[AbstractChannel]:
    """Straight to RabbitMQ, where there is no command queue yet, and none afterwards."""
    async with await aio_pika.connect(rabbitmq.url) as connection:
        channel = await connection.channel()
        await channel.queue_delete(COMMANDS_NAME)
        yield channel
        await (await connection.channel()).queue_delete(COMMANDS_NAME)


@pytest.fixture
async def line(rabbitmq: Rabbitmq) -> AsyncIterator[Line]:
    async with line_to(rabbitmq.port) as line:
        yield line


@pytest.fixture
async def bus(rabbitmq: Rabbitmq, line: Line, channel: AbstractChannel) -> AsyncIterator[CommandBus]:
    """A bus through the line, up, with its command queue and nobody who consumes it."""
    await declare_commands(channel)
    async with open_bus(settings_through(rabbitmq, line)) as opened:
        await eventually(lambda: is_up(opened))
        yield opened


def settings_through(rabbitmq: Rabbitmq, line: Line) -> GatewaySettings:
    address = urlsplit(rabbitmq.url)
    netloc = f"{address.username}:{address.password}@127.0.0.1:{line.port}"
    return GatewaySettings(
        rabbitmq_url=SecretStr(address._replace(netloc=netloc).geturl()), reader_url=HttpUrl("http://unused"), port=0
    )


async def declare_commands(channel: AbstractChannel, **arguments: int) -> None:
    await channel.declare_queue(COMMANDS_NAME, durable=True, arguments={**(COMMANDS.arguments or {}), **arguments})


async def is_up(bus: CommandBus) -> bool:
    outcome = await bus.call(create(expires_in_s=0.05))
    return outcome.status == "unknown"  # it left, and nobody answers


async def timed(bus: CommandBus, *, expires_in_s: float) -> tuple[Outcome, float]:
    began = time.monotonic()
    outcome = await bus.call(create(expires_in_s=expires_in_s))
    return outcome, time.monotonic() - began


async def in_queue(channel: AbstractChannel, at_least: int) -> bool:
    queue = await channel.declare_queue(COMMANDS_NAME, passive=True)
    return (queue.declaration_result.message_count or 0) >= at_least


async def test_without_a_command_queue_it_is_certain_that_nothing_was_done(
    bus: CommandBus, channel: AbstractChannel
) -> None:
    await channel.queue_delete(COMMANDS_NAME)

    outcome, took_s = await timed(bus, expires_in_s=5)

    assert outcome.status == "refused"
    assert took_s < 1


async def test_with_a_full_command_queue_it_is_certain_that_nothing_was_done(
    bus: CommandBus, channel: AbstractChannel
) -> None:
    await channel.queue_delete(COMMANDS_NAME)
    await declare_commands(channel, **{"x-max-length": 1})

    statuses = [(await timed(bus, expires_in_s=0.3))[0].status for _ in range(5)]

    assert statuses[0] == "unknown"  # it is in the queue
    assert statuses[-1] == "refused"


async def test_without_an_answer_the_outcome_is_unknown_at_the_deadline(bus: CommandBus) -> None:
    outcome, took_s = await timed(bus, expires_in_s=0.5)

    assert outcome.status == "unknown"
    assert 0.45 < took_s < 1.5


async def test_a_broken_line_ends_what_is_under_way_at_once(
    bus: CommandBus, line: Line, channel: AbstractChannel
) -> None:
    calls = [asyncio.create_task(timed(bus, expires_in_s=30)) for _ in range(5)]
    await eventually(lambda: in_queue(channel, at_least=1))

    line.cut()

    answers = await asyncio.wait_for(asyncio.gather(*calls), 5)
    assert {outcome.status for outcome, _ in answers} == {"unknown"}


async def test_while_the_line_is_down_writes_are_refused_at_once(bus: CommandBus, line: Line) -> None:
    line.close()
    await eventually(lambda: is_refused(bus))

    outcome, took_s = await timed(bus, expires_in_s=5)

    assert outcome.status == "refused"
    assert took_s < 0.1


async def test_the_bus_comes_back_by_itself(bus: CommandBus, line: Line) -> None:
    line.close()
    await eventually(lambda: is_refused(bus))

    await line.open()

    await eventually(lambda: is_up(bus), within_s=5)


async def test_a_bus_opened_before_rabbitmq_is_there_waits_for_it(
    rabbitmq: Rabbitmq, line: Line, channel: AbstractChannel
) -> None:
    await declare_commands(channel)
    line.close()
    async with open_bus(settings_through(rabbitmq, line)) as bus:
        assert await is_refused(bus)

        await line.open()

        await eventually(lambda: is_up(bus), within_s=5)


async def test_a_closed_bus_leaves_no_reply_queue(rabbitmq: Rabbitmq, line: Line, channel: AbstractChannel) -> None:
    await declare_commands(channel)
    commands = await channel.get_queue(COMMANDS_NAME)
    async with open_bus(settings_through(rabbitmq, line)) as bus:
        await eventually(lambda: is_up(bus))
        message = await commands.get(no_ack=True)
        replies = await channel.declare_queue(message.reply_to, passive=True)

    with pytest.raises(ChannelNotFoundEntity):
        await channel.declare_queue(replies.name, passive=True)


async def is_refused(bus: CommandBus) -> bool:
    return (await bus.call(create(expires_in_s=0.2))).status == "refused"

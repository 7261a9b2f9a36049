"""The gateway's side of the bus on a real RabbitMQ, through a proxy that can break the connection."""

import asyncio
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from aio_pika.abc import AbstractChannel
from common.bus.broker import connect_to
from common.bus.declarations import COMMANDS
from common.bus.topology import COMMANDS_NAME
from common.contracts.outcomes import Outcome
from gateway import bus_session
from gateway.bus_link import REOPEN_GRACE_S
from gateway.command_lane import CommandLane
from gateway.settings import GatewaySettings
from gateway.write_lanes import open_write_lanes
from local_stack.rabbitmq import Rabbitmq
from pydantic import HttpUrl, SecretStr

from faults.lines import Line, line_to
from tests.commands import create, plain
from tests.waiting import eventually


@pytest.fixture
async def channel(rabbitmq: Rabbitmq) -> AsyncIterator[AbstractChannel]:
    """Straight to RabbitMQ, where there is no command queue yet, and none afterwards."""
    async with await connect_to(rabbitmq.url) as connection:
        channel = await connection.channel()
        await channel.queue_delete(COMMANDS_NAME)
        yield channel
        await (await connection.channel()).queue_delete(COMMANDS_NAME)


@pytest.fixture
async def line(rabbitmq: Rabbitmq) -> AsyncIterator[Line]:
    async with line_to(rabbitmq.port) as line:
        yield line


@pytest.fixture
async def lane(rabbitmq: Rabbitmq, line: Line, channel: AbstractChannel) -> AsyncIterator[CommandLane]:
    """A lane through the line, up, with its command queue and nobody who consumes it."""
    await declare_commands(channel)
    async with open_write_lanes(settings_through(rabbitmq, line)) as lanes:
        await eventually(lambda: is_up(lanes.commands))
        yield lanes.commands


def settings_through(rabbitmq: Rabbitmq, line: Line) -> GatewaySettings:
    address = urlsplit(rabbitmq.url)
    netloc = f"{address.username}:{address.password}@127.0.0.1:{line.port}"
    return GatewaySettings(
        rabbitmq_url=SecretStr(address._replace(netloc=netloc).geturl()), reader_url=HttpUrl("http://unused"), port=0
    )


async def declare_commands(channel: AbstractChannel, **arguments: int) -> None:
    await channel.declare_queue(COMMANDS_NAME, durable=True, arguments={**(COMMANDS.arguments or {}), **arguments})


async def is_up(lane: CommandLane) -> bool:
    outcome = await lane.call(plain(create(expires_in_s=0.05)))
    return outcome.status == "unknown"  # it left, and nobody answers


async def timed(lane: CommandLane, *, expires_in_s: float) -> tuple[Outcome, float]:
    began = time.monotonic()
    outcome = await lane.call(plain(create(expires_in_s=expires_in_s)))
    return outcome, time.monotonic() - began


async def in_queue(channel: AbstractChannel, at_least: int) -> bool:
    queue = await channel.declare_queue(COMMANDS_NAME, passive=True)
    return (queue.declaration_result.message_count or 0) >= at_least


async def test_without_a_command_queue_it_is_certain_that_nothing_was_done(
    lane: CommandLane, channel: AbstractChannel
) -> None:
    await channel.queue_delete(COMMANDS_NAME)

    outcome, took_s = await timed(lane, expires_in_s=5)

    assert outcome.status == "refused"
    assert took_s < 1


async def test_with_a_full_command_queue_it_is_certain_that_nothing_was_done(
    lane: CommandLane, channel: AbstractChannel
) -> None:
    await channel.queue_delete(COMMANDS_NAME)
    await declare_commands(channel, **{"x-max-length": 1})

    statuses = [(await timed(lane, expires_in_s=0.3))[0].status for _ in range(4)]
    last, _ = await timed(lane, expires_in_s=5)  # RabbitMQ may take longer than the others had to reject it

    assert statuses[0] == "unknown"  # it is in the queue
    assert last.status == "refused"


async def test_without_an_answer_the_outcome_is_unknown_at_the_deadline(lane: CommandLane) -> None:
    outcome, took_s = await timed(lane, expires_in_s=0.5)

    assert outcome.status == "unknown"
    assert 0.45 < took_s < bus_session.CONFIRM_TIMEOUT_S


async def test_a_broken_line_ends_what_is_under_way_at_once(
    lane: CommandLane, line: Line, channel: AbstractChannel
) -> None:
    calls = [asyncio.create_task(timed(lane, expires_in_s=30)) for _ in range(5)]
    await eventually(lambda: in_queue(channel, at_least=1))

    line.cut()

    answers = await asyncio.wait_for(asyncio.gather(*calls), 5)
    assert {outcome.status for outcome, _ in answers} == {"unknown"}


async def test_a_session_on_which_a_batch_is_not_confirmed_is_replaced(
    lane: CommandLane, line: Line, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(bus_session, "CONFIRM_TIMEOUT_S", 0.5)
    line.hold()

    outcome, took_s = await timed(lane, expires_in_s=5)
    line.release()

    assert outcome.status == "unknown"
    assert took_s < 4
    assert bus_session.UNCONFIRMED in caplog.text
    await eventually(lambda: is_up(lane))


async def test_while_the_line_is_down_writes_are_refused_at_once(lane: CommandLane, line: Line) -> None:
    line.close()
    await eventually(lambda: is_refused(lane))

    outcome, took_s = await timed(lane, expires_in_s=5)

    assert outcome.status == "refused"
    assert took_s < REOPEN_GRACE_S  # which a cluster would be given


async def test_the_bus_comes_back_by_itself(lane: CommandLane, line: Line) -> None:
    line.close()
    await eventually(lambda: is_refused(lane))

    await line.open()

    await eventually(lambda: is_up(lane), within_s=5)


async def test_a_bus_opened_before_rabbitmq_is_there_waits_for_it(
    rabbitmq: Rabbitmq, line: Line, channel: AbstractChannel
) -> None:
    await declare_commands(channel)
    line.close()
    async with open_write_lanes(settings_through(rabbitmq, line)) as lanes:
        lane = lanes.commands
        assert await is_refused(lane)

        await line.open()

        await eventually(lambda: is_up(lane), within_s=5)


async def is_refused(lane: CommandLane) -> bool:
    return (await lane.call(plain(create(expires_in_s=0.2)))).status == "refused"

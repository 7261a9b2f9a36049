"""In which order a batch is acknowledged and answered, and what a lost connection does to it, on real servers.

The writer's three connections are led apart here, each over a line of its own where a test needs that.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import pytest
from common.bus.barrier import pass_barrier
from common.bus.declarations import DEAD_LETTERS
from common.bus.publisher import Publisher
from common.bus.topology import DEAD_LETTERS_NAME, DELIVERY_LIMIT
from common.contracts.commands import AnyCommand
from common.postgres.database import Database
from common.runtime.background import running
from local_stack.rabbitmq import Rabbitmq
from prometheus_client import REGISTRY
from task_writer.batches import Answered, carry_out
from task_writer.consumer import processing
from task_writer.consumer.command_consumer import CommandConsumer, Outgoing
from task_writer.settings import WriterSettings

from faults.lines import Line, line_to
from tests.commands import create, toggle
from tests.conftest import Addresses, writer_settings
from tests.integration.effects import titles
from tests.integration.locks import Locks
from tests.integration.raw_gateway import RawGateway, emptied_gateway
from tests.waiting import eventually

LOCK_TIMEOUTS_AND_MORE_S = 4.0
MUCH_LESS_THAN_A_TIMEOUT_S = 3.0

type Consuming = Callable[..., AbstractAsyncContextManager[CommandConsumer]]


@pytest.fixture
async def gateway(rabbitmq: Rabbitmq) -> AsyncIterator[RawGateway]:
    async with emptied_gateway(rabbitmq.url) as raw:
        yield raw


@pytest.fixture
async def line(rabbitmq: Rabbitmq) -> AsyncIterator[Line]:
    async with line_to(rabbitmq.port) as opened:
        yield opened


@pytest.fixture
def consuming(writer_database: Database, addresses: Addresses, rabbitmq: Rabbitmq) -> Consuming:
    """`open_consumer` on the shared servers."""
    return partial(open_consumer, writer_database, addresses, rabbitmq)


@asynccontextmanager
async def open_consumer(
    database: Database, addresses: Addresses, rabbitmq: Rabbitmq, *, concurrent_batches: int = 4, **lines: Line
) -> AsyncIterator[CommandConsumer]:
    """A consumer whose connections (`incoming`, `replies`, `dead_letters`) go over these lines, or straight."""

    def over(name: str) -> WriterSettings:
        url = rabbitmq.url
        if name in lines:
            url = url.replace(f":{rabbitmq.port}/", f":{lines[name].port}/")
        return writer_settings(addresses, url)

    outgoing = Outgoing(
        Publisher(over("replies"), "replies", confirmed=False),
        Publisher(over("dead_letters"), "dead letters", confirmed=True, queue=DEAD_LETTERS),
    )
    consumer = CommandConsumer(over("incoming"), database, outgoing, concurrent_batches=concurrent_batches)
    async with (
        running("dead letters", outgoing.dead_letters.connection.keep_open),
        running("replies", outgoing.replies.connection.keep_open),
        running("incoming", consumer.connection.keep_open),
    ):
        await consumer.connection.usable()
        yield consumer
        await consumer.stop_consuming()
        await consumer.finish()


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_a_refusal_is_replied_once_rabbitmq_has_the_acknowledgement(
    gateway: RawGateway, consuming: Consuming, line: Line, locks: Locks
) -> None:
    task = create()
    async with consuming(incoming=line):
        await gateway.call(task)
        async with locks.held(task):
            await gateway.send(toggle(task.user_id, task.task_id))
            await locks.awaited()
            line.hold()
            with pytest.raises(TimeoutError):  # the lock's time-out refuses the command twice, in a batch and alone
                await gateway.reply(within_s=LOCK_TIMEOUTS_AND_MORE_S)
        line.release()
        _, outcomes = await gateway.reply()

    assert [outcome.status for outcome in outcomes] == ["refused"]


async def test_a_barrier_is_acknowledged_and_counted_nowhere(gateway: RawGateway, consuming: Consuming) -> None:
    async with consuming(concurrent_batches=1):
        before = counted("taskwire_writer_batch_commands_count")

        await pass_barrier(await gateway.channel.get_underlay_channel())
        outcomes = await gateway.call(create())

        assert counted("taskwire_writer_batch_commands_count") == before + 1
    assert [outcome.status for outcome in outcomes] == ["done"]
    assert await gateway.waiting() == 0
    assert await gateway.waiting(DEAD_LETTERS_NAME) == 0


async def test_what_is_recorded_is_answered_without_waiting_for_the_acknowledgement(
    gateway: RawGateway, consuming: Consuming, line: Line, locks: Locks
) -> None:
    task = create()
    async with consuming(incoming=line):
        await gateway.call(task)
        async with locks.held(task):
            await gateway.send(toggle(task.user_id, task.task_id))
            await locks.awaited()
            line.hold()

        _, outcomes = await gateway.reply()
        line.release()

    assert [outcome.status for outcome in outcomes] == ["done"]


async def test_an_answer_that_stalls_holds_up_no_acknowledgement_and_is_counted(
    gateway: RawGateway, consuming: Consuming, line: Line, reader_database: Database
) -> None:
    first, second = create(title="first"), create(title="second")
    before = counted("taskwire_commands_total", type="create_task", outcome="done")
    async with consuming(concurrent_batches=1, replies=line):
        line.refuse()
        await gateway.send(first)
        await gateway.send(second)  # is delivered once the first is acknowledged

        async def both_are_done() -> bool:
            return [*await titles(reader_database, first.user_id), *await titles(reader_database, second.user_id)] == [
                "first",
                "second",
            ]

        await eventually(both_are_done, within_s=MUCH_LESS_THAN_A_TIMEOUT_S)
        line.admit()

    assert counted("taskwire_commands_total", type="create_task", outcome="done") == before + 2


async def test_a_blip_of_the_dead_letter_connection_gives_nothing_back_and_holds_up_no_neighbour(
    gateway: RawGateway, consuming: Consuming, line: Line
) -> None:
    first = create()
    poison = create(first.user_id, task_id=first.task_id)
    redelivered = counted("taskwire_redelivered_batches_total")
    async with consuming(dead_letters=line):
        await gateway.call(first)
        line.refuse()
        outcomes = await gateway.call(create(), poison, create())
        assert await gateway.waiting(DEAD_LETTERS_NAME) == 0
        line.admit()

        dead_letter = await gateway.dead_letter()
        next_outcomes = await gateway.call(create())

    assert [outcome.status for outcome in outcomes] == ["done", "unknown", "done"]
    assert [outcome.status for outcome in next_outcomes] == ["done"]
    assert json.loads(dead_letter.body)["commands"][0]["command_id"] == str(poison.command_id)
    assert counted("taskwire_redelivered_batches_total") == redelivered
    assert gateway.heard.empty()


async def test_what_always_fails_pauses_longer_each_time_blocks_nobody_and_ends_as_dead_letters(
    gateway: RawGateway, consuming: Consuming, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliveries: list[str] = []
    monkeypatch.setattr(processing, "carry_out", failing_for("guilty", deliveries, carry_out))
    async with consuming(concurrent_batches=2):
        for _ in range(4):
            await gateway.send(create(title="guilty"))
        await eventually(lambda: at_least(deliveries, 4))
        outcomes = [await gateway.call(create()) for _ in range(5)]
        assert len(deliveries) < 4 * (DELIVERY_LIMIT + 1)  # they pause still

        async def all_are_dead() -> bool:
            return await gateway.waiting(DEAD_LETTERS_NAME) == 4

        await eventually(all_are_dead, within_s=60)

    assert {outcome.status for answered in outcomes for outcome in answered} == {"done"}
    assert len(deliveries) == 4 * (DELIVERY_LIMIT + 1)


async def at_least(deliveries: Sequence[str], count: int) -> bool:
    return len(deliveries) >= count


def failing_for(
    title: str, deliveries: list[str], real: Callable[..., Awaitable[list[Answered]]]
) -> Callable[..., Awaitable[list[Answered]]]:
    """The bug that is planted here."""

    async def fail(database: Database, commands: Sequence[AnyCommand], **given: Any) -> list[Answered]:
        for command in commands:
            if command.type == "create_task" and command.title == title:
                deliveries.append(str(command.command_id))
                raise RuntimeError("planted")
        return await real(database, commands, **given)

    return fail

"""A batch that kills every task-writer that runs it becomes a dead letter, and no other batch is lost."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest
from common.bus.topology import DEAD_LETTERS_NAME, DELIVERY_LIMIT
from common.contracts.commands import AnyCommand
from common.postgres.database import Database
from local_stack.rabbitmq import Rabbitmq
from task_writer.batches import Answered, carry_out
from task_writer.consumer import processing

from tests.commands import create, toggle
from tests.conftest import Addresses
from tests.integration.dead_letters import EXECUTABLE, Operator, has, holds
from tests.integration.locks import Locks
from tests.integration.raw_gateway import RawGateway, emptied_gateway
from tests.integration.test_delivery import running_writer
from tests.waiting import eventually

LONG_S = 600.0  # the batch must still be live when it comes for the last time


async def die_over_it(rabbitmq: Rabbitmq, locks: Locks) -> None:
    """Starts a task-writer, and kills it with SIGKILL once the batch hangs in its transaction."""
    environment = {
        "PATH": os.environ["PATH"],
        "WRITER_DATABASE_URL": locks.addresses.writer,
        "RABBITMQ_URL": rabbitmq.url,
        "LOG_LEVEL": "error",
    }
    process = await asyncio.create_subprocess_exec(EXECUTABLE, env=environment)
    try:
        await locks.awaited()
    finally:
        process.kill()
        await process.wait()
    await locks.admin.execute(  # PostgreSQL would notice the death of its client only after the wait for the lock
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = 'taskwire_writer'"
    )


@pytest.fixture
async def gateway(rabbitmq: Rabbitmq) -> AsyncIterator[RawGateway]:
    async with emptied_gateway(rabbitmq.url) as raw:
        yield raw


async def deadly_batch(gateway: RawGateway, addresses: Addresses, rabbitmq: Rabbitmq) -> Sequence[AnyCommand]:
    """A command that will hang, between two innocent ones of other users; the task that it hangs on is made."""
    task = create(title="locked")
    async with running_writer(addresses, rabbitmq):
        await gateway.call(task)
    return [
        create(title="before", expires_in_s=LONG_S),
        toggle(task.user_id, task.task_id, expires_in_s=LONG_S),
        create(title="behind", expires_in_s=LONG_S),
    ]


async def test_a_batch_that_kills_each_writer_is_dead_lettered_and_can_be_replayed(
    gateway: RawGateway, addresses: Addresses, rabbitmq: Rabbitmq, reader_database: Database, locks: Locks
) -> None:
    operator = Operator(rabbitmq.url, addresses.writer)
    before, hanging, behind = deadly = await deadly_batch(gateway, addresses, rabbitmq)
    assert hanging.type == "toggle_task"
    neighbours = [create(title=f"neighbour {number}", expires_in_s=LONG_S) for number in range(4)]

    deaths = 0
    async with locks.held(hanging):
        for neighbour in neighbours[:2]:
            await gateway.send(neighbour)
        await gateway.send(*deadly)
        for neighbour in neighbours[2:]:
            await gateway.send(neighbour)
        while not await gateway.waiting(DEAD_LETTERS_NAME) and deaths < 3 * DELIVERY_LIMIT:
            await die_over_it(rabbitmq, locks)
            deaths += 1
            if deaths > DELIVERY_LIMIT:
                await eventually(lambda: holds(gateway, DEAD_LETTERS_NAME, 1))
        assert not await has(reader_database, before.user_id, {"before": False})

    assert deaths == DELIVERY_LIMIT + 1
    for neighbour in neighbours:
        assert await has(reader_database, neighbour.user_id, {neighbour.title: False})
    listed = await operator("list")
    assert "3 commands (2 create_task, toggle_task)" in listed.out
    assert "exceeded the delivery limit" in listed.out
    (dead_letter_id,) = await operator.ids()
    async with running_writer(addresses, rabbitmq):
        said = await operator("replay", dead_letter_id)
        await eventually(lambda: has(reader_database, before.user_id, {"before": False}))
        await eventually(lambda: has(reader_database, behind.user_id, {"behind": False}))
        await eventually(lambda: has(reader_database, hanging.user_id, {"locked": True}))
    assert (said.status, said.out.splitlines()[-1]) == (0, "Replayed 1 dead letter with 3 commands.")
    assert await operator.ids() == []


async def test_a_batch_over_which_the_writer_fails_is_dead_lettered_and_its_commands_are_replayed_one_by_one(
    gateway: RawGateway,
    addresses: Addresses,
    rabbitmq: Rabbitmq,
    reader_database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    operator = Operator(rabbitmq.url, addresses.writer)
    monkeypatch.setattr(processing, "carry_out", failing_together(carry_out))
    guilty, innocent = create(title="guilty"), create(title="innocent")
    async with running_writer(addresses, rabbitmq):
        await gateway.send(guilty, innocent)
        await eventually(lambda: holds(gateway, DEAD_LETTERS_NAME, 1))
        assert not await has(reader_database, innocent.user_id, {"innocent": False})

        said = await operator("replay", "--all")
        await eventually(lambda: has(reader_database, innocent.user_id, {"innocent": False}))
        await eventually(lambda: has(reader_database, guilty.user_id, {"guilty": False}))
    assert (said.status, said.out.splitlines()[-1]) == (0, "Replayed 1 dead letter with 2 commands.")


def failing_together(real: Callable[..., Awaitable[list[Answered]]]) -> Callable[..., Awaitable[list[Answered]]]:
    """The bug that is planted here: two commands in one batch are one too many."""

    async def fail_together(database: Database, commands: Sequence[AnyCommand], **given: bool) -> list[Answered]:
        if len(commands) > 1:
            raise RuntimeError("planted")
        return await real(database, commands, **given)

    return fail_together

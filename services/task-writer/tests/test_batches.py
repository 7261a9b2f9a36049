"""Outcomes of a batch that is late, or without a database."""

import gc
import sys
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from common.contracts.commands import AnyCommand
from common.postgres.connections import ClosingConnection
from common.postgres.database import Database, open_database
from common.postgres.servers import Servers
from psycopg_pool import AsyncConnectionPool
from pydantic import SecretStr
from task_writer.batches import EXPIRED, LONG_PAST_S, REFUSED, STILL_RUNNING, carry_out
from task_writer.settings import WriterSettings

from tests.commands import create, delete, keyed, replace, toggle
from tests.ports import closed_port

ROUNDS = 300


def one_of_each(**more: Any) -> list[AnyCommand]:
    """A command of every type."""
    user_id, task_id = uuid4(), uuid4()
    return [
        create(user_id, **more),
        replace(user_id, task_id, **more),
        toggle(user_id, task_id, **more),
        delete(user_id, task_id, **more),
    ]


@pytest.fixture
def unusable() -> Database:
    """A database that cannot be used: its pool was never opened."""
    pool = AsyncConnectionPool("", connection_class=ClosingConnection, open=False)
    return Database(pool, Servers(SecretStr("postgresql://"), takes_writes=True), timeout_s=1.0)


@pytest.fixture
async def absent() -> AsyncIterator[Database]:
    """A database whose server is not there."""
    with closed_port() as nobody:
        url = SecretStr(f"postgresql://taskwire_writer@127.0.0.1:{nobody}/taskwire")
        settings = WriterSettings(
            writer_database_url=url, rabbitmq_url=SecretStr("amqp://unused"), pool_timeout_s=0.1, allow_rls_bypass=True
        )
        async with open_database(url, settings) as database:
            yield database


async def test_commands_long_past_their_deadline_expire_without_a_look_at_the_database(unusable: Database) -> None:
    answered = await carry_out(unusable, one_of_each(expires_in_s=-LONG_PAST_S - 0.001))

    assert [one.outcome for one in answered] == [EXPIRED] * 4


async def test_a_redelivered_batch_goes_to_the_database_however_late_it_is(unusable: Database) -> None:
    late = [keyed(command) for command in one_of_each(expires_in_s=-LONG_PAST_S - 0.001)]

    answered = await carry_out(unusable, late, redelivered=True)

    assert [one.outcome for one in answered] == [STILL_RUNNING] * 4


# PostgreSQL's clock decides, not the writer's: that one may be ahead.
async def test_a_command_just_past_its_deadline_goes_to_the_database(unusable: Database) -> None:
    answered = await carry_out(unusable, one_of_each(expires_in_s=-1))

    assert [one.outcome for one in answered] == [REFUSED] * 4


async def test_a_command_within_its_deadline_goes_to_the_database(unusable: Database) -> None:
    answered = await carry_out(unusable, one_of_each())

    assert [one.outcome for one in answered] == [REFUSED] * 4


async def test_without_a_database_a_command_is_certainly_not_done(absent: Database) -> None:
    answered = await carry_out(absent, one_of_each())

    assert [one.outcome for one in answered] == [REFUSED] * 4


async def test_without_a_database_a_redelivered_command_may_have_been_done(absent: Database) -> None:
    answered = await carry_out(absent, one_of_each(), redelivered=True)

    assert [one.outcome for one in answered] == [STILL_RUNNING] * 4


async def test_no_command_is_poison_because_the_database_is_absent(absent: Database) -> None:
    answered = await carry_out(absent, one_of_each())

    assert {one.poison for one in answered} == {None}


async def test_an_empty_batch_has_no_answers(unusable: Database) -> None:
    assert await carry_out(unusable, []) == []


async def test_batches_of_all_lengths_leave_no_memory_behind(unusable: Database) -> None:
    batches: list[list[AnyCommand]] = [[create(expires_in_s=-LONG_PAST_S - 1)] * length for length in range(1, 20)]
    gc.collect()  # which empties Python's free lists
    await carry_out(unusable, batches[0])
    before = sys.getallocatedblocks()

    for _ in range(ROUNDS):
        for commands in batches:
            await carry_out(unusable, commands)

    assert sys.getallocatedblocks() - before < ROUNDS

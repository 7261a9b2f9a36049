"""The command log gets its slots, and loses them again, beside running task-writers: no repeat has a second effect."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import psycopg
import pytest
from alembic import command
from common.contracts.commands import CreateTask, ToggleTask
from common.contracts.reads import Read
from common.postgres.database import Database, open_database
from local_stack.postgres import Postgres
from psycopg.rows import scalar_row
from pydantic import SecretStr
from task_reader.queries import answer_reads
from task_writer.migrate import alembic_config, migrate, owner_engine

from tests.commands import create, id_of_key, keyed, toggle
from tests.conftest import Addresses, new_database, writer_settings
from tests.integration.effects import is_completed, outcomes
from tests.integration.locks import Locks

BEFORE = "0012_min_revision"
SLOTS = [f"command_log_{slot}" for slot in range(4)]


@pytest.fixture
async def own(postgres: Postgres) -> Addresses:
    """A database of the release before."""
    addresses = Addresses.of(await new_database(postgres, f"slots_{uuid4().hex}"))
    await asyncio.to_thread(migrate, addresses.migration_settings(), BEFORE)
    return addresses


@pytest.fixture
async def writer(own: Addresses) -> AsyncIterator[Database]:
    """Its connections stay open over the migration, with their plans."""
    async with open_database(SecretStr(own.writer), writer_settings(own)) as opened:
        yield opened


@pytest.fixture
async def reader(own: Addresses) -> AsyncIterator[Database]:
    async with open_database(SecretStr(own.reader), writer_settings(own)) as opened:
        yield opened


async def upgrade(own: Addresses) -> None:
    await asyncio.to_thread(migrate, own.migration_settings(), "0013_slots")


async def downgrade(own: Addresses) -> None:
    def run() -> None:
        with owner_engine(own.migration_settings()).connect() as connection:
            command.downgrade(alembic_config(connection), BEFORE)

    await asyncio.to_thread(run)


def use_slots_now(own: Addresses) -> None:
    """As half an hour after the migration."""
    with psycopg.connect(own.owner) as owner:
        owner.execute("update command_log_state set slots_from = '-infinity'")


def used_slots(own: Addresses) -> int:
    sizes = "select pg_relation_size(name::regclass) > 0 from unnest(%s::text[]) as name"
    with psycopg.connect(own.owner, row_factory=scalar_row) as owner:
        return sum(owner.execute(sizes.encode(), [SLOTS]).fetchall())


async def task_and_flips(writer: Database) -> tuple[CreateTask, list[ToggleTask]]:
    """A task that was flipped, by a command without a key and one with a key: completed no more."""
    task = create()
    flips = [toggle(task.user_id, task.task_id), keyed(toggle(task.user_id, task.task_id), id_of_key())]
    await outcomes(writer, task)
    await outcomes(writer, *flips)
    return task, flips


async def repeats_change_nothing(writer: Database, reader: Database, flips: list[ToggleTask]) -> None:
    before = await is_completed(reader, flips[0])
    for redelivered in (False, True):
        for flip in flips:
            (again,) = await outcomes(writer, flip, redelivered=redelivered)
            assert again.status == "done"
            assert again.replayed == flip.keyed
            assert await is_completed(reader, flips[0]) == before


async def test_a_command_from_before_the_slots_is_carried_out_once(
    own: Addresses, writer: Database, reader: Database
) -> None:
    _, flips = await task_and_flips(writer)

    await upgrade(own)

    await repeats_change_nothing(writer, reader, flips)
    _, later = await task_and_flips(writer)
    assert used_slots(own) == 0, "half an hour must pass before a repeat could be looked for elsewhere"
    await repeats_change_nothing(writer, reader, later)


async def test_an_installation_without_records_uses_the_slots_at_once(own: Addresses, writer: Database) -> None:
    await upgrade(own)

    await task_and_flips(writer)

    assert used_slots(own) == 1


async def test_records_that_are_there_are_not_moved(own: Addresses, writer: Database) -> None:
    await task_and_flips(writer)
    file = "select pg_relation_filenode('command_log'), pg_relation_filenode('command_log_pkey')"
    with psycopg.connect(own.owner) as owner:
        before = owner.execute(file).fetchone()

    await upgrade(own)

    with psycopg.connect(own.owner) as owner:
        assert owner.execute(file).fetchone() == before


async def test_a_command_that_was_running_during_the_migration_is_carried_out_once(
    own: Addresses, writer: Database, reader: Database, postgres_admin: psycopg.AsyncConnection
) -> None:
    """The function of before has begun, waits for its task, and records after the slots are there."""
    task = create()
    await outcomes(writer, task)
    flip = toggle(task.user_id, task.task_id)
    locks = Locks(own, postgres_admin)
    async with locks.held(task):
        running = asyncio.create_task(outcomes(writer, flip))
        await locks.awaited()
        await upgrade(own)

    (first,) = await running
    assert first.status in {"done", "refused"}, "refused if the migration took longer than lock_timeout"
    await outcomes(writer, flip)
    assert await outcomes(writer, flip) == await outcomes(writer, flip, redelivered=True)
    assert await is_completed(reader, flip)


async def test_the_way_back_takes_the_records_along(own: Addresses, writer: Database, reader: Database) -> None:
    await upgrade(own)
    task, flips = await task_and_flips(writer)
    (done,) = await outcomes(writer, flips[0], redelivered=True)

    await downgrade(own)

    await repeats_change_nothing(writer, reader, flips)
    (told,) = await reader.run(lambda db: answer_reads(db, [Read(user_id=task.user_id, since=done.revision)]))
    assert told is not None
    await upgrade(own)
    await repeats_change_nothing(writer, reader, flips)
    use_slots_now(own)
    _, later = await task_and_flips(writer)
    await repeats_change_nothing(writer, reader, later)


async def test_functions_of_the_release_before_find_what_is_in_slots(
    own: Addresses, writer: Database, reader: Database
) -> None:
    """They read all children of the log, so that nothing is lost to a call that began before the migration."""
    with psycopg.connect(own.owner, row_factory=scalar_row) as owner:
        (before,) = owner.execute("select pg_get_functiondef('run_commands'::regproc)").fetchall()
    await upgrade(own)
    _, flips = await task_and_flips(writer)
    with psycopg.connect(own.owner) as owner:
        owner.execute(before.encode())

    for flip in flips:
        (again,) = await outcomes(writer, flip, redelivered=True)
        assert again.status == "done"

    assert not await is_completed(reader, flips[0])

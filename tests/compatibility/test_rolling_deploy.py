"""Release 1 beside today's: its statements on today's schema, and a command that one begins and the other ends."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from itertools import count
from uuid import UUID, uuid4

import psycopg
import pytest
from common.contracts import AnyCommand, CommandBatch, OutcomeBatch
from common.database import Connection, Database
from local_stack.postgres import Postgres
from task_writer.batches import carry_out
from task_writer.migrate import migrate

from tests.commands import create, delete, replace, toggle
from tests.conftest import Addresses, new_database
from tests.reading import read_one

from . import old_services, release_1, release_1_sql, revision_4_sql

LAST_REVISION_OF_RELEASE_1 = "0003_row_level_security"
TASK_KEYS = ["id", "title", "description", "is_completed", "created_at", "user_id"]


@pytest.fixture
async def old_writer(addresses: Addresses) -> AsyncIterator[Connection]:
    async with await old_services.connect(addresses.writer) as connection:
        yield connection


@pytest.fixture
async def old_reader(addresses: Addresses) -> AsyncIterator[Connection]:
    async with await old_services.connect(addresses.reader) as connection:
        yield connection


async def live_once(
    writer: Connection, reader: Connection, user: UUID, by_type: Mapping[str, str] = release_1_sql.BY_TYPE
) -> None:
    """The life of one task by the statements of release 1 or others, each checked by what it answers."""
    task_id, numbers = uuid4(), count(1)

    async def ask(name: str) -> tuple[str, dict[str, object] | None]:
        message = old_services.message_of(name, user, task_id, number=next(numbers))
        reply = await old_services.carry_out(writer, message, by_type)
        assert await old_services.carry_out_again(writer, message) == reply
        (outcome,) = release_1.OutcomeBatch.model_validate_json(reply).outcomes
        return outcome.status, json.loads(outcome.task) if outcome.task else None

    status, made = await ask("create")
    assert made is not None
    assert (status, list(made)) == ("done", TASK_KEYS)
    assert await ask("flip") == ("done", {**made, "is_completed": True})
    replaced = {**made, "title": "Buy bread", "description": None, "is_completed": True}
    assert await ask("replace") == ("done", replaced)
    assert await ask("set") == ("done", replaced)
    assert await old_services.list_tasks(reader, user) == [replaced]
    assert await old_services.find_task(reader, user, task_id) == replaced
    assert await ask("delete") == ("done", None)
    assert await ask("set") == await ask("delete") == ("not_found", None)
    assert await old_services.find_task(reader, user, task_id) is None
    assert await old_services.list_tasks(reader, user) == []


async def test_the_statements_of_release_1_do_their_work_on_todays_schema(
    old_writer: Connection, old_reader: Connection
) -> None:
    await live_once(old_writer, old_reader, uuid4())


async def test_the_calls_of_revision_4_do_their_work_on_todays_schema(
    old_writer: Connection, old_reader: Connection
) -> None:
    await live_once(old_writer, old_reader, uuid4(), revision_4_sql.BY_TYPE)


async def test_release_1_forgets_old_records_on_todays_schema(
    old_writer: Connection, owner: psycopg.AsyncConnection
) -> None:
    user = uuid4()
    await old_services.carry_out(old_writer, old_services.message_of("delete", user, uuid4(), number=1))
    await old_services.carry_out(old_writer, old_services.message_of("delete", user, uuid4(), number=2))

    async with owner.transaction():
        await owner.execute("select set_config('app.user_id', %s, true)", [str(user)])
        older = "update command_log set recorded_at = now() - interval '2 hours' where command_id = %s"
        await owner.execute(older, [UUID(int=user.int ^ 1)])
    await old_writer.execute(release_1_sql.FORGET_COMMANDS.encode(), {"retention_s": 3_600, "limit": 1_000})

    async with owner.transaction():
        await owner.execute("select set_config('app.user_id', %s, true)", [str(user)])
        left = await owner.execute("select command_id from command_log")
        assert await left.fetchall() == [(UUID(int=user.int ^ 2),)]


async def test_the_statements_of_release_1_run_while_the_schema_is_migrated(postgres: Postgres) -> None:
    own = Addresses.of(await new_database(postgres, f"upgraded_{uuid4().hex}"))
    settings = own.migration_settings()
    await asyncio.to_thread(migrate, settings, LAST_REVISION_OF_RELEASE_1)
    async with await old_services.connect(own.writer) as writer, await old_services.connect(own.reader) as reader:
        await live_once(writer, reader, uuid4())

        upgrading = asyncio.create_task(asyncio.to_thread(migrate, settings))
        lives = 0
        while not upgrading.done() or not lives:
            await live_once(writer, reader, uuid4())
            lives += 1
        await upgrading

        await live_once(writer, reader, uuid4())


def life(user: UUID) -> list[AnyCommand]:
    """One command of each kind, and one of a task that is not there."""
    first = create(user)
    task_id = first.task_id
    return [first, toggle(user, task_id), replace(user, task_id), delete(user, task_id), toggle(user, uuid4())]


async def test_the_writer_of_release_1_carries_out_what_todays_gateway_sends(
    old_writer: Connection, reader_database: Database
) -> None:
    first = create(title="from today")
    message = CommandBatch(commands=[first, toggle(uuid4(), uuid4())]).model_dump_json().encode()

    reply = await old_services.carry_out(old_writer, message)

    done, missed = OutcomeBatch.model_validate_json(reply).outcomes
    assert (done.status, missed.status) == ("done", "not_found")
    assert done.task is not None
    assert await read_one(reader_database, first.user_id, first.task_id) == done.task.encode()


async def test_what_todays_writer_answers_to_release_1_is_read_there(writer_database: Database) -> None:
    commands = life(uuid4())
    message = CommandBatch(commands=commands).model_dump_json()
    assert release_1.CommandBatch.model_validate_json(message).model_dump_json() == message, "a gateway of release 1"

    answered = await carry_out(writer_database, CommandBatch.model_validate_json(message).commands)

    reply = OutcomeBatch(outcomes=[one.outcome for one in answered]).model_dump_json(exclude_defaults=True)
    assert release_1.OutcomeBatch.model_validate_json(reply).model_dump_json(exclude_defaults=True) == reply


async def test_what_the_writer_of_release_1_did_is_answered_by_todays_and_not_done_again(
    old_writer: Connection, writer_database: Database
) -> None:
    message = CommandBatch(commands=life(uuid4())).model_dump_json().encode()
    before = OutcomeBatch.model_validate_json(await old_services.carry_out(old_writer, message)).outcomes
    commands = CommandBatch.model_validate_json(message).commands

    redelivered = await carry_out(writer_database, commands, redelivered=True)
    published_again = await carry_out(writer_database, commands)

    assert [one.outcome for one in redelivered] == [one.outcome for one in published_again] == before


async def test_what_todays_writer_did_is_answered_by_release_1_and_not_done_again(
    old_writer: Connection, writer_database: Database
) -> None:
    commands = life(uuid4())
    message = CommandBatch(commands=commands).model_dump_json().encode()
    answered = await carry_out(writer_database, commands)

    reply = await old_services.carry_out_again(old_writer, message)
    with suppress(psycopg.errors.UniqueViolation):
        await old_services.carry_out(old_writer, message)
        pytest.fail("release 1 carried it out a second time")

    assert OutcomeBatch.model_validate_json(reply).outcomes == [one.outcome for one in answered]

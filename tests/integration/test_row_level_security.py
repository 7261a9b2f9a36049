"""Row-level security: PostgreSQL itself shows and changes only the rows of the user named in `app.user_id`."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import psycopg
import pytest
from common.postgres.database import Database
from psycopg.errors import InsufficientPrivilege
from task_writer.batches import carry_out

from tests.commands import create
from tests.conftest import Addresses

ROLES = ("owner", "writer", "reader")


@pytest.fixture
async def victim(writer_database: Database) -> UUID:
    """A user who has a task and a recorded command."""
    command = create()
    await carry_out(writer_database, [command])
    return command.user_id


@pytest.fixture(params=ROLES)
async def session(request: pytest.FixtureRequest, addresses: Addresses) -> AsyncIterator[psycopg.AsyncConnection]:
    """A session of each role."""
    url = getattr(addresses, request.param)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def writer_session(addresses: Addresses) -> AsyncIterator[psycopg.AsyncConnection]:
    async with await psycopg.AsyncConnection.connect(addresses.writer, autocommit=True) as connection:
        yield connection


async def count(session: psycopg.AsyncConnection, sql: str) -> int:
    row = await (await session.execute(sql.encode())).fetchone()
    assert row is not None
    number: int = row[0]
    return number


@pytest.mark.usefixtures("victim")
async def test_a_statement_without_the_filter_gets_nothing(session: psycopg.AsyncConnection) -> None:
    assert await count(session, "select count(*) from tasks") == 0


async def test_a_statement_without_the_filter_gets_the_rows_of_the_named_user_alone(
    session: psycopg.AsyncConnection, victim: UUID
) -> None:
    async with session.transaction():
        await session.execute("select set_config('app.user_id', %s, true)", [str(victim)])
        own = await count(session, "select count(*) from tasks")
        foreign = await count(session, f"select count(*) from tasks where user_id <> '{victim}'")  # noqa: S608

    assert (own, foreign) == (1, 0)


async def test_the_name_ends_with_the_transaction(session: psycopg.AsyncConnection, victim: UUID) -> None:
    async with session.transaction():
        await session.execute("select set_config('app.user_id', %s, true)", [str(victim)])

    assert await count(session, "select count(*) from tasks") == 0


@pytest.mark.usefixtures("victim")
async def test_the_command_log_has_row_level_security_too(writer_session: psycopg.AsyncConnection) -> None:
    assert await count(writer_session, "select count(*) from command_log") == 0


@pytest.mark.usefixtures("victim")
@pytest.mark.parametrize("sql", ["update tasks set title = 'x'", "delete from tasks", "delete from command_log"])
async def test_a_change_without_the_filter_changes_nothing(writer_session: psycopg.AsyncConnection, sql: str) -> None:
    async with writer_session.transaction():
        await writer_session.execute("select set_config('app.user_id', %s, true)", [str(uuid4())])
        changed = await writer_session.execute(sql.encode())

    assert changed.rowcount == 0


async def test_functions_run_with_the_rights_of_their_caller_but_for_one(session: psycopg.AsyncConnection) -> None:
    """What that one may do is a rule of tests/test_rules.py."""
    functions = "from pg_proc where pronamespace = 'public'::regnamespace"

    assert await count(session, f"select count(*) {functions} and prosecdef") == 1
    assert await count(session, f"select count(*) {functions} and prosecdef and proname = 'empty_old_slot'") == 1


async def test_nobody_can_write_a_row_of_another_user(writer_session: psycopg.AsyncConnection, victim: UUID) -> None:
    await writer_session.execute("select set_config('app.user_id', %s, false)", [str(uuid4())])

    with pytest.raises(InsufficientPrivilege, match="row-level security"):
        await writer_session.execute("insert into tasks (id, title, user_id) values (%s, 'x', %s)", [uuid4(), victim])


@pytest.mark.parametrize(
    "sql",
    [
        "insert into tasks (id, title, user_id) values (gen_random_uuid(), 'x', gen_random_uuid())",
        "update tasks set title = 'x'",
        "delete from tasks",
        "truncate tasks",
        "select * from tasks for update",
        "select command_id from command_log",
        "select 1 from alembic_version",
        "select status from run_commands('[]', 1, null, false)",
        "select forget_commands(86400, 1)",
        "select forgotten_until from command_log_state",
        "create temporary table tasks (id uuid)",
        "create table extra (id int)",
        "create function extra() returns int language sql as 'select 1'",
        "alter table tasks disable row level security",
        "set role taskwire_writer",
        "alter role taskwire_reader bypassrls",
        "copy tasks to program 'cat'",
    ],
)
async def test_the_reader_can_do_nothing_but_read_tasks(addresses: Addresses, sql: str) -> None:
    async with await psycopg.AsyncConnection.connect(addresses.reader, autocommit=True) as reader:
        with pytest.raises(InsufficientPrivilege):
            await reader.execute(sql.encode())


@pytest.mark.parametrize(
    "sql",
    [
        "alter table tasks add column extra int",
        "drop table tasks",
        "create table extra (id int)",
        "create temporary table tasks (id uuid)",
        "insert into command_log_state values (false, now())",
        "delete from command_log_state",
        "alter table tasks no force row level security",
        "drop policy tasks_of_user on tasks",
        "alter table tasks disable row level security",
        "create policy open on tasks using (true)",
        "create index extra on tasks (title)",
        "create schema extra",
        "create function extra() returns int language sql as 'select 1'",
        "drop function list_tasks(uuid)",
        "truncate tasks",
        "truncate command_log",
        "update command_log set status = 'done'",
        "update alembic_version set version_num = 'x'",
        "set role taskwire_owner",
        "alter role taskwire_writer bypassrls",
        "alter role taskwire_reader login password 'x'",
        "copy tasks from program 'true'",
        "select list_tasks(gen_random_uuid())",
    ],
)
async def test_the_writer_cannot_change_the_schema_or_the_record(
    writer_session: psycopg.AsyncConnection, sql: str
) -> None:
    with pytest.raises(InsufficientPrivilege):
        await writer_session.execute(sql.encode())


@pytest.mark.parametrize("role", ["writer", "reader"])
async def test_no_service_owns_anything_or_is_a_member_of_a_role(addresses: Addresses, role: str) -> None:
    url = getattr(addresses, role)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as service:
        mine = "(select oid from pg_roles where rolname = current_user)"

        assert await count(service, f"select count(*) from pg_class where relowner = {mine}") == 0  # noqa: S608
        assert await count(service, f"select count(*) from pg_proc where proowner = {mine}") == 0  # noqa: S608
        assert await count(service, f"select count(*) from pg_auth_members where member = {mine}") == 0  # noqa: S608


@pytest.mark.parametrize("role", ["writer", "reader"])
async def test_no_service_has_a_power_over_the_server(addresses: Addresses, role: str) -> None:
    powers = b"select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls from pg_roles"
    url = getattr(addresses, role)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as service:
        has = await (await service.execute(powers + b" where rolname = current_user")).fetchone()

    assert has == (False,) * 5


@pytest.mark.usefixtures("victim")
async def test_the_clean_up_reaches_no_record_that_may_still_answer_a_repeat(
    writer_session: psycopg.AsyncConnection,
) -> None:
    recent = "from command_log where recorded_at > now() - interval '1 hour'"
    async with writer_session.transaction():
        await writer_session.execute("set local app.housekeeping = 'on'")
        seen = await count(writer_session, f"select count(*) {recent}")
        deleted = await writer_session.execute(f"delete {recent}".encode())

    assert (seen, deleted.rowcount) == (0, 0)

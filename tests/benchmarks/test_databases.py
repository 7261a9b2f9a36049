"""What the benchmarks do to databases leaves the product's schema as it was, and measures the product's own SQL."""

from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from local_stack.postgres import Postgres
from task_reader import queries
from task_writer.migrate import migrate

from benchmarks.big_table import indexes_used, refill
from benchmarks.dataset import Group, fill
from benchmarks.limits import ONE_COMMAND, pgbench, write_scripts
from benchmarks.load import LoadFailed
from benchmarks.systems import database_url
from tests.conftest import Addresses, new_database

GROUP, FEW = Group(users=200, tasks_each=20), Group(users=3, tasks_each=2)
SCHEMA = "select indexname, indexdef from pg_indexes where schemaname = 'public' order by indexname"


@pytest.fixture(scope="module")
async def database(postgres: Postgres) -> Addresses:
    migrated = Addresses.of(await new_database(postgres, "benchmarks"))
    migrate(migrated.migration_settings())
    return migrated


@pytest.fixture
async def superuser(postgres: Postgres, database: Addresses) -> AsyncIterator[psycopg.AsyncConnection]:
    url = database_url(postgres.superuser_url, "benchmarks")
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("truncate tasks")
        yield connection


async def rows(connection: psycopg.AsyncConnection, sql: str) -> list[tuple[object, ...]]:
    return await (await connection.execute(sql.encode())).fetchall()


async def test_a_group_has_the_ids_that_its_requests_name(
    postgres: Postgres, superuser: psycopg.AsyncConnection
) -> None:
    await fill(database_url(postgres.superuser_url, "benchmarks"), FEW)

    found = await rows(superuser, "select id, user_id from tasks order by created_at")

    assert found == [(FEW.task_id(number), FEW.user_id(number)) for number in range(6)]


async def test_a_refilled_table_keeps_its_indexes_and_the_reader_uses_them(
    postgres: Postgres, database: Addresses, superuser: psycopg.AsyncConnection
) -> None:
    before = await rows(superuser, SCHEMA)

    await refill(database_url(postgres.superuser_url, "benchmarks"), GROUP)

    assert await rows(superuser, SCHEMA) == before
    assert await rows(superuser, "select count(*) from tasks") == [(4000,)]
    used = await indexes_used(database.reader, GROUP)
    assert used["GET one task"] == ["tasks_pkey"]
    assert used["GET list"]
    assert "tasks" not in used["GET list"]


async def test_pgbench_runs_the_products_own_statements(
    postgres: Postgres, database: Addresses, superuser: psycopg.AsyncConnection, tmp_path: Path
) -> None:
    await fill(database_url(postgres.superuser_url, "benchmarks"), FEW)
    reads = await write_scripts(tmp_path, database.reader, f"select {queries.READ_TASK}", FEW)
    assert await pgbench(database.reader, "simple", reads, 1) > 0

    writes = await write_scripts(tmp_path, database.writer, ONE_COMMAND, Group(users=3, tasks_each=0))
    assert await pgbench(database.writer, "simple", writes, 1) > 0

    assert (await rows(superuser, "select count(*) > 6 from tasks")) == [(True,)]


async def test_a_statement_that_fails_fails_the_limit(database: Addresses, tmp_path: Path) -> None:
    refused = await write_scripts(tmp_path, database.reader, ONE_COMMAND, Group(users=3, tasks_each=0))

    with pytest.raises(LoadFailed, match="permission denied"):
        await pgbench(database.reader, "simple", refused, 1)

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from local_stack.leftovers import marked_processes
from local_stack.postgres import Postgres, running_postgres
from local_stack.state import State, open_state
from local_stack.waiting import until

from tests.local_stack.parts import kill

BUSY_SESSIONS = "select count(*) from pg_stat_activity where state = 'active' and query like 'do %'"


@pytest.fixture
async def private_state(tmp_path: Path) -> AsyncIterator[State]:
    """A state directory below one that only its owner may enter."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    async with open_state(closed / "with a space") as opened:
        yield opened


async def ask(url: str, query: str) -> object:
    """The first column of the first row, where there is one."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(query.encode())
        row = await cursor.fetchone() if cursor.description else None
    return row[0] if row else None


async def test_committed_data_survive_a_kill(private_state: State) -> None:
    async with running_postgres(private_state) as server:
        await ask(server.owner_url, "create table kept as select 1 as x")
        await ask(server.owner_url, "insert into kept values (41) returning x")

        await kill(server.process)
        await server.wait_ready()

        assert await ask(server.owner_url, "select sum(x) from kept") == 42


async def test_a_busy_session_does_not_keep_a_killed_server_down(private_state: State) -> None:
    async with running_postgres(private_state) as server:
        connection = await psycopg.AsyncConnection.connect(server.owner_url)
        endless = asyncio.create_task(connection.execute("do $$ begin loop end loop; end $$"))

        async def is_busy() -> bool:
            return await ask(server.superuser_url, BUSY_SESSIONS) == 1

        await until(is_busy, within_s=5)

        await kill(server.process)
        await server.wait_ready()

        assert await ask(server.owner_url, "select 42") == 42
        with pytest.raises(psycopg.OperationalError):
            await endless
        await connection.close()


async def test_a_second_start_finds_the_data_at_the_same_address(private_state: State) -> None:
    async with running_postgres(private_state) as first:
        await ask(first.owner_url, "create table kept as select 42 as x")

    async with running_postgres(private_state) as second:
        assert second.owner_url == first.owner_url
        assert await ask(second.owner_url, "select x from kept") == 42


async def test_nothing_runs_after_the_stop(private_state: State) -> None:
    async with running_postgres(private_state) as server:
        assert server.process.pid in marked_processes(private_state.path)

    assert marked_processes(private_state.path) == []
    with pytest.raises(psycopg.OperationalError, match="refused"):
        await ask(server.owner_url, "select 1")


async def test_row_level_security_binds_the_owner(postgres: Postgres) -> None:
    rights = "select array[rolsuper, rolbypassrls, rolcreaterole] from pg_roles where rolname = current_user"

    assert await ask(postgres.owner_url, rights) == [False, False, True]


async def test_a_commit_waits_for_the_disk(postgres: Postgres) -> None:
    settings = "select array[current_setting('fsync'), current_setting('synchronous_commit')]"

    assert await ask(postgres.owner_url, settings) == ["on", "on"]


async def test_no_password_is_no_way_in(postgres: Postgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        await ask(f"postgresql://postgres@127.0.0.1:{postgres.port}/postgres?passfile=/dev/null", "select 1")

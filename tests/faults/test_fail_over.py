"""A fail-over of PostgreSQL as the services see it: which servers they use, and what they say of them (ADR 29)."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest
from common.contracts.commands import CreateTask
from common.postgres.database import Connection, Database, all_rows, open_database
from local_stack.postgres import Postgres
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError
from task_reader.settings import ReaderSettings
from task_writer.app import open_writer
from task_writer.migrate import migrate

from tests.commands import create, keyed, toggle
from tests.conftest import Addresses, writer_settings
from tests.integration.effects import outcomes, replay_of, titles
from tests.postgres_cluster import Cluster, execute, frozen, kill, set_option, start_as_primary
from tests.waiting import eventually

TIMEOUT_S = 3.0
BACK_WITHIN_S = 10.0


@asynccontextmanager
async def a_writer(owner_url: str, timeout_s: float = TIMEOUT_S) -> AsyncIterator[Database]:
    """The database as a task-writer with this address sees it."""
    settings = writer_settings(Addresses.of(owner_url)).model_copy(update={"database_timeout_s": timeout_s})
    async with open_database(settings.writer_database_url, settings, takes_writes=True) as database:
        yield database


async def server_port(database: Database) -> int:
    """Of the server that the next work is done on."""

    async def ask(db: Connection) -> int:
        ((port,),) = await all_rows(db, "select inet_server_port()", {})
        return int(port)

    return await database.run(ask)


async def recovered(database: Database) -> float:
    """The seconds until a write is carried out."""
    began = time.monotonic()

    async def writes() -> bool:
        return [answer.status for answer in await outcomes(database, create())] == ["done"]

    await eventually(writes, within_s=BACK_WITHIN_S)
    return time.monotonic() - began


async def has_the_new_timeline_on_disk(standby: Postgres) -> bool:
    await execute(standby, "checkpoint")
    return await execute(standby, "select timeline_id from pg_control_checkpoint()") == [(2,)]


async def is_stored(member: Postgres, command: CreateTask) -> bool:
    found = await execute(member, "select 1 from tasks where id = %s", command.task_id, database="taskwire")
    return bool(found)


async def test_what_was_acknowledged_is_kept_and_replayed_by_the_new_primary(own_cluster: Cluster) -> None:
    old, new, other = own_cluster.members
    commands = [keyed(create(title=str(number))) for number in range(5)]
    reader_url = SecretStr(Addresses.of(own_cluster.owner_url).reader)
    reading = ReaderSettings(reader_database_url=reader_url, port=0)
    async with a_writer(own_cluster.owner_url) as writer, open_database(reader_url, reading) as reader:
        before = await outcomes(writer, *commands)
        await kill(old)
        await own_cluster.promote(new, follower=other)

        await recovered(writer)
        again = await outcomes(writer, *commands)

        assert again == [replay_of(outcome) for outcome in before]
        for command in commands:
            assert await titles(reader, command.user_id) == [command.title]


async def test_an_old_primary_that_comes_back_is_not_used_by_who_has_seen_the_new_one(own_cluster: Cluster) -> None:
    old, new, other = own_cluster.members
    async with a_writer(own_cluster.owner_url) as writer:
        await outcomes(writer, create())
        await kill(old)
        await own_cluster.promote(new, follower=other)
        await recovered(writer)
        await start_as_primary(old)

        await execute(new, "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'taskwire_writer'")
        await recovered(writer)
        assert await server_port(writer) == new.port

        await asyncio.gather(kill(new), kill(other))  # now nothing but the old one is left
        late = create()
        assert [answer.status for answer in await outcomes(writer, late)] == ["refused"]
        assert "is an old primary: it is on timeline 1, and timeline 2" in str(writer.component.reason)
        assert not await is_stored(old, late)


@pytest.mark.parametrize("reached", ["the new primary", "its standby alone"])
async def test_a_process_that_starts_later_looks_at_all_hosts_before_it_uses_the_first(
    own_cluster: Cluster, reached: str
) -> None:
    old, new, other = own_cluster.members
    await kill(old)
    await own_cluster.promote(new, follower=other)
    await execute(new, "checkpoint")
    await eventually(lambda: has_the_new_timeline_on_disk(other))
    await start_as_primary(old)
    only = (old, new, other) if reached == "the new primary" else (old, other)

    async with a_writer(own_cluster.url(*only)) as writer:
        command = create()
        (answer,) = await outcomes(writer, command)

    assert answer.status == ("done" if new in only else "refused")
    assert not await is_stored(old, command)


async def test_an_old_primary_that_was_frozen_gets_nothing_on_the_connections_that_it_has_kept(
    own_cluster: Cluster,
) -> None:
    old, new, other = own_cluster.members
    async with a_writer(own_cluster.owner_url) as writer:
        await asyncio.gather(*(outcomes(writer, create()) for _ in range(8)))  # it has several connections
        with frozen(old):
            await own_cluster.promote(new, follower=other)
            unknown = [answer.status for answer in await outcomes(writer, create())]
            await recovered(writer)
            assert await server_port(writer) == new.port
        await set_option(old, "synchronous_standby_names", "")

        late = [create() for _ in range(8)]
        answers = await asyncio.gather(*(outcomes(writer, command) for command in late))

        assert unknown == ["unknown"]
        assert {answer.status for (answer,) in answers} == {"done"}
        assert [await is_stored(new, command) for command in late] == [True] * 8
        assert [await is_stored(old, command) for command in late] == [False] * 8


async def test_what_an_old_primary_commits_after_the_new_one_was_seen_is_done_on_the_new_one(
    own_cluster: Cluster,
) -> None:
    old, new, other = own_cluster.members
    patient = "options=-c%20lock_timeout%3D60s%20-c%20statement_timeout%3D60s&load_balance_hosts=random"
    async with a_writer(f"{own_cluster.url(old, new)}?{patient}", timeout_s=60.0) as writer:
        made = create(expires_in_s=60)
        await outcomes(writer, made)
        async with locked(old, made) as blocker:
            running = asyncio.create_task(outcomes(writer, toggle(made.user_id, made.task_id, expires_in_s=60)))
            await eventually(lambda: somebody_waits(old))
            await set_option(old, "synchronous_standby_names", "")
            await own_cluster.promote(new, follower=other)
            await eventually(lambda: has_left(writer, old, to=new))
            await blocker.rollback()
            (answer,) = await running

    assert answer.status == "done"
    is_completed = "select is_completed from tasks where id = %s"
    assert await execute(old, is_completed, made.task_id, database="taskwire") == [(True,)]  # and it said so
    assert await execute(new, is_completed, made.task_id, database="taskwire") == [(True,)]


@asynccontextmanager
async def locked(member: Postgres, command: CreateTask) -> AsyncIterator[psycopg.AsyncConnection]:
    """Holds the lock of the command's task on that member, until a rollback."""
    url = f"{member.superuser_url.rpartition('/')[0]}/taskwire"
    async with await psycopg.AsyncConnection.connect(url) as blocker:
        await blocker.execute("select 1 from tasks where id = %s for update", [command.task_id])
        yield blocker


async def somebody_waits(member: Postgres) -> bool:
    return bool(await execute(member, "select 1 from pg_stat_activity where wait_event_type = 'Lock'"))


async def has_left(writer: Database, old: Postgres, *, to: Postgres) -> bool:
    """Ends the idle connections to the old primary; whether the next work is done on the other one."""
    await execute(
        old,
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'taskwire_writer' and state = 'idle'",
    )
    return await server_port(writer) == to.port


async def test_a_writer_that_finds_a_standby_alone_is_not_ready_and_says_why(cluster: Cluster) -> None:
    standby = cluster.members[1]
    settings = writer_settings(Addresses.of(standby.owner_url))
    async with open_writer(settings) as writer:

        async def says_why() -> bool:
            ready, states = await writer.health.look()
            reason = writer.health.reasons().get("database", "")
            return not ready and states["database"] == "down" and "takes no writes: it is a standby" in reason

        await eventually(says_why)


async def test_a_primary_that_is_set_to_read_only_refuses_writes_until_it_is_not(cluster: Cluster) -> None:
    primary = cluster.members[0]
    async with a_writer(cluster.owner_url) as writer:
        await outcomes(writer, create())
        await set_option(primary, "default_transaction_read_only", "on")

        async def is_read_only() -> bool:
            return [answer.status for answer in await outcomes(writer, create())] == ["refused"]

        await eventually(is_read_only)
        reason = writer.component.reason
        await set_option(primary, "default_transaction_read_only", "off")
        await recovered(writer)

    assert "takes no writes" in str(reason)


async def test_migrations_find_the_primary_among_several_hosts(cluster: Cluster) -> None:
    others_first = cluster.url(*reversed(cluster.members))

    migrate(Addresses.of(others_first).migration_settings())
    migrate(Addresses.of(f"{others_first}?target_session_attrs=read-write").migration_settings())

    with pytest.raises(OperationalError, match="read-only"):
        migrate(Addresses.of(cluster.members[1].owner_url).migration_settings())


async def test_a_host_that_swallows_everything_holds_a_new_connection_up_for_a_short_time_once(
    cluster: Cluster,
) -> None:
    primary, away, _ = cluster.members
    async with a_writer(cluster.url(away, primary), timeout_s=BACK_WITHIN_S) as writer:
        with frozen(away):
            took_s = await recovered(writer)
            await execute(primary, "select pg_terminate_backend(pid) from pg_stat_activity where usename ~ 'writer'")
            took_again_s = await recovered(writer)

    assert took_s < 5
    assert took_again_s < 2

"""Addresses as Neon gives them, over TLS; PgBouncer in transaction mode; connections that are closed while idle."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import psycopg
import pytest
from common.contracts.reads import Page, Read
from common.postgres.database import Database, open_database
from common.postgres.text_rows import call
from common.settings import DatabaseSettings
from local_stack.database import role_url
from local_stack.state import open_state
from psycopg.rows import dict_row
from pydantic import SecretStr
from task_reader.queries import answer_reads
from task_writer.batches import carry_out
from task_writer.migrate import migrate
from task_writer.settings import MigrationSettings

from tests.commands import create, toggle
from tests.conftest import READER_PASSWORD, WRITER_PASSWORD
from tests.reading import read_list, read_one
from tests.waiting import eventually

from .debian_servers import (
    Pgbouncer,
    TlsPostgres,
    needs_debian_servers,
    running_pgbouncer,
    running_tls_postgres,
)

pytestmark = needs_debian_servers

SERVER_CONNECTIONS = 2  # of the pooler, for each role: far fewer than clients
USERS = 40


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TlsPostgres]:
    async with open_state(tmp_path_factory.mktemp("tls")) as state, running_tls_postgres(state) as running:
        migrate(
            MigrationSettings(
                database_url=SecretStr(running.url("taskwire_owner", "taskwire")),
                writer_database_url=SecretStr(direct(running, "taskwire_writer", WRITER_PASSWORD)),
                reader_database_url=SecretStr(direct(running, "taskwire_reader", READER_PASSWORD)),
            )
        )
        yield running


@pytest.fixture(scope="module")
async def pooler(server: TlsPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pgbouncer]:
    async with (
        open_state(tmp_path_factory.mktemp("pooler")) as state,
        running_pgbouncer(state, server, default_pool_size=SERVER_CONNECTIONS) as running,
    ):
        yield running


def direct(server: TlsPostgres, role: str, password: str) -> str:
    return role_url(server.url("unused", "taskwire"), role, password)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    async with open_database(SecretStr(url), DatabaseSettings()) as database:
        yield database


@asynccontextmanager
async def both_directly(server: TlsPostgres) -> AsyncIterator[tuple[Database, Database]]:
    """Writer and reader at the direct host."""
    async with (
        opened(direct(server, "taskwire_writer", WRITER_PASSWORD)) as writer,
        opened(direct(server, "taskwire_reader", READER_PASSWORD)) as reader,
    ):
        yield writer, reader


@asynccontextmanager
async def both_pooled(pooler: Pgbouncer) -> AsyncIterator[tuple[Database, Database]]:
    """Writer and reader at the pooler."""
    async with (
        opened(pooler.url("taskwire_writer", WRITER_PASSWORD)) as writer,
        opened(pooler.url("taskwire_reader", READER_PASSWORD)) as reader,
    ):
        yield writer, reader


async def write_and_read(writer: Database, reader: Database, user: UUID, title: str = "Buy milk") -> None:
    """A task of the user is created, flipped and read; nothing else is in the user's list."""
    command = create(user, title=title)

    (created,) = await carry_out(writer, [command])
    (flipped,) = await carry_out(writer, [toggle(user, command.task_id)])

    assert (created.outcome.status, flipped.outcome.status) == ("done", "done")
    assert await read_one(reader, user, command.task_id) == (flipped.outcome.task or "").encode()
    assert [task["title"] for task in json.loads(await read_list(reader, user))] == [title]


async def test_a_server_that_requires_tls_refuses_whoever_comes_without(server: TlsPostgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        await psycopg.AsyncConnection.connect(server.url("postgres", "postgres", "sslmode=disable"))


async def test_a_search_ignores_case_beyond_ascii_on_an_older_postgresql(server: TlsPostgres) -> None:
    user = uuid4()

    async with both_directly(server) as (writer, reader):
        await carry_out(writer, [create(user, title="Éclair")])
        (page,) = await reader.run(lambda db: answer_reads(db, [Read(user_id=user, page=Page(limit=1, q="éCLAIR"))]))

    assert page is not None
    assert b"clair" in bytes(page)


async def test_an_address_as_neon_gives_it_works_as_it_is(server: TlsPostgres) -> None:
    async with both_directly(server) as (writer, reader):
        await write_and_read(writer, reader, uuid4())

        encrypted = await reader.run(
            lambda db: call(db, [("(select ssl from pg_stat_ssl where pid = pg_backend_pid())", {})])
        )
    assert encrypted == (b"t",)


async def test_users_stay_apart_over_a_few_connections_of_a_transaction_pooler(
    server: TlsPostgres, pooler: Pgbouncer
) -> None:
    """Each transaction names its user, on a connection that served another user before."""
    async with both_pooled(pooler) as (writer, reader):
        await asyncio.gather(*(write_and_read(writer, reader, uuid4(), f"Task {n}") for n in range(USERS)))

    async with await psycopg.AsyncConnection.connect(server.superuser_url) as admin:
        counted = await admin.execute("select count(*) from pg_stat_activity where usename ~ '_(writer|reader)$'")
        assert await counted.fetchone() == (2 * SERVER_CONNECTIONS,)


async def test_a_temporary_table_of_one_client_stands_before_no_function_of_another(
    server: TlsPostgres, pooler: Pgbouncer
) -> None:
    """As it would be where nobody has revoked the right to make them: the pooler hands the connection on."""
    user, url = uuid4(), pooler.url("taskwire_reader", READER_PASSWORD)
    async with await psycopg.AsyncConnection.connect(server.url("postgres", "taskwire"), autocommit=True) as admin:
        await admin.execute("grant temporary on database taskwire to public")

    async with both_pooled(pooler) as (writer, reader):
        async with await psycopg.AsyncConnection.connect(url) as one, await psycopg.AsyncConnection.connect(url) as two:
            for client in (one, two):  # at once, so that each has a server connection of its own
                await client.execute("create temporary table tasks (like public.tasks)")
            await one.commit()
            await two.commit()
        await write_and_read(writer, reader, user, "not forged")

    async with await psycopg.AsyncConnection.connect(server.url("postgres", "taskwire"), autocommit=True) as admin:
        await admin.execute("revoke temporary on database taskwire from public")


async def test_times_are_utc_through_a_pooler_whose_server_has_another_zone(
    server: TlsPostgres, pooler: Pgbouncer
) -> None:
    async with await psycopg.AsyncConnection.connect(server.superuser_url, autocommit=True) as admin:
        await admin.execute("alter database taskwire set timezone = 'Asia/Tokyo'")

    async with both_pooled(pooler) as (writer, _):
        (created,) = await carry_out(writer, [create(uuid4())])

    assert json.loads(created.outcome.task or "")["created_at"].endswith("+00:00")


async def test_connections_that_the_pooler_closed_while_idle_are_not_noticed(
    server: TlsPostgres, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with (
        open_state(tmp_path_factory.mktemp("pooler")) as state,
        running_pgbouncer(state, server, client_idle_timeout=1) as pooler,
        both_pooled(pooler) as (writer, reader),
    ):
        await write_and_read(writer, reader, uuid4())
        await eventually(lambda: no_clients(pooler))

        await write_and_read(writer, reader, uuid4())


async def test_a_server_that_went_away_and_came_back_while_all_were_idle_is_not_noticed(server: TlsPostgres) -> None:
    """As when a compute of Neon sleeps and wakes."""
    async with both_directly(server) as (writer, reader):
        await write_and_read(writer, reader, uuid4())

        await server.process.stop()
        await server.start()

        await write_and_read(writer, reader, uuid4())


async def no_clients(pooler: Pgbouncer) -> bool:
    """Whether the pooler has closed the connections of all clients but this one."""
    connect = psycopg.AsyncConnection.connect(pooler.console_url, autocommit=True, row_factory=dict_row)
    async with await connect as console:
        console.prepare_threshold = None
        clients = await (await console.cursor(row_factory=dict_row).execute("show clients")).fetchall()
    return {client["user"] for client in clients} == {"console"}

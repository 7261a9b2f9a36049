"""The roles of the services: how they are created, and which ones the services refuse."""

import asyncio
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import psycopg
import pytest
from local_stack.database import role_url
from local_stack.postgres import Postgres, running_postgres
from local_stack.state import open_state
from pydantic import SecretStr
from task_writer.migrate import migrate
from task_writer.roles import RolesMissing

from tests.conftest import READER_PASSWORD, WRITER_PASSWORD, Addresses
from tests.waiting import eventually

PATIENCE_S = 15.0


@pytest.mark.parametrize(
    ("service", "variable"), [("task-reader", "READER_DATABASE_URL"), ("task-writer", "WRITER_DATABASE_URL")]
)
async def test_a_service_refuses_a_role_that_bypasses_row_level_security(
    postgres: Postgres, service: str, variable: str
) -> None:
    environment = {variable: postgres.superuser_url, "PORT": "0", "RABBITMQ_URL": "amqp://127.0.0.1:1/"}
    program = Path(sys.executable).with_name(service)

    process = await asyncio.create_subprocess_exec(program, env=environment, stderr=asyncio.subprocess.PIPE)
    async with asyncio.timeout(PATIENCE_S):
        _, said = await process.communicate()

    assert process.returncode == 1
    assert said.decode().splitlines()[-1].startswith("The database role postgres bypasses row-level security.")


@pytest.fixture
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Postgres]:
    """A server of its own: roles belong to the server, not to a database."""
    async with open_state(tmp_path_factory.mktemp("roles")) as state, running_postgres(state) as running:
        yield running


def as_admin(server: Postgres, *statements: str) -> None:
    with psycopg.connect(server.superuser_url, autocommit=True) as admin:
        for statement in statements:
            admin.execute(statement.encode())


def test_an_owner_without_createrole_succeeds_once_an_administrator_has_done_what_it_says(server: Postgres) -> None:
    as_admin(
        server, "create role modest login password 'modest'", "create database modest owner modest encoding 'UTF8'"
    )
    database = server.superuser_url.rpartition("/")[0] + "/modest"
    settings = Addresses.of(role_url(database, "modest", "modest")).migration_settings()

    with pytest.raises(RolesMissing, match="permission denied") as refused:
        migrate(settings)
    advice = str(refused.value).partition("\n\n")[2]
    as_admin(server, *advice.splitlines())
    as_admin(server, "alter role taskwire_writer password 'own'", "alter role taskwire_reader password 'own'")
    migrate(settings)

    with psycopg.connect(role_url(database, "taskwire_writer", "own")) as writer:
        assert writer.execute("show lock_timeout").fetchone() == ("1500ms",)
        assert writer.execute("select count(*) from command_log").fetchone() == (0,)
    migrate(settings)


async def test_a_password_is_in_no_log_of_the_server_and_works(server: Postgres) -> None:
    as_admin(server, "alter system set log_statement = 'all'", "select pg_reload_conf()")
    addresses = Addresses.of(server.owner_url)

    migrate(addresses.migration_settings())

    said = "".join(log.read_text(errors="replace") for log in server.data.parents[1].glob("*.log"))
    assert "alter role" in said.lower()
    assert "SCRAM-SHA-256$" in said
    assert WRITER_PASSWORD not in said
    assert READER_PASSWORD not in said
    with psycopg.connect(addresses.writer), psycopg.connect(addresses.reader):
        pass


def test_a_password_of_any_characters_works(server: Postgres) -> None:
    password = "ü \\ ' \" % 🙂 \u00a0"  # noqa: S105 - of a server that lives as long as the test
    writer = role_url(server.owner_url, "taskwire_writer", password)
    settings = (
        Addresses.of(server.owner_url)
        .migration_settings()
        .model_copy(update={"writer_database_url": SecretStr(writer)})
    )

    migrate(settings)

    with psycopg.connect(writer):
        pass


@pytest.mark.parametrize(("already", "warned"), [("another password", True), (WRITER_PASSWORD, False)])
async def test_a_password_that_the_server_does_not_take_is_a_warning_unless_it_is_right(
    server: Postgres, caplog: pytest.LogCaptureFixture, already: str, warned: bool
) -> None:
    """As with Neon, which answers a SCRAM verifier with an internal error; here the role is changed at that moment."""
    addresses = Addresses.of(server.owner_url)
    await asyncio.to_thread(migrate, addresses.migration_settings())
    caplog.clear()

    with psycopg.connect(server.superuser_url) as other:
        other.execute(f"alter role taskwire_writer password '{already}'".encode())
        migrating = asyncio.create_task(asyncio.to_thread(migrate, addresses.migration_settings()))
        await eventually(partial(waits_for_a_lock, server))
        other.commit()
        await migrating

    assert ("the password of taskwire_writer could not be set" in caplog.text) is warned
    assert ("tuple concurrently updated" in caplog.text) is warned
    assert ("alter role taskwire_writer login password '…'" in caplog.text) is warned
    assert WRITER_PASSWORD not in caplog.text


async def waits_for_a_lock(server: Postgres) -> bool:
    with psycopg.connect(server.superuser_url) as admin:
        sql = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and usename = 'taskwire_owner'"
        return admin.execute(sql).fetchone() is not None


def test_a_role_that_the_owner_may_not_alter_and_that_logs_in_is_nothing_to_warn_of(
    server: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    addresses = Addresses.of(server.owner_url)
    migrate(addresses.migration_settings())
    as_admin(server, "alter role taskwire_owner nocreaterole")
    caplog.clear()

    migrate(addresses.migration_settings())

    assert [record for record in caplog.records if record.levelname == "WARNING"] == []

"""Alembic's revisions on a real PostgreSQL."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import time
from typing import TextIO
from uuid import uuid4

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from local_stack.postgres import Postgres
from psycopg.rows import scalar_row
from pydantic import SecretStr
from sqlmodel import SQLModel
from task_writer import migrate as migrating
from task_writer.migrate import (
    ADVISORY_LOCK,
    MIGRATIONS,
    AnotherMigration,
    NotTheOwner,
    TableInUse,
    WrongEncoding,
    alembic_config,
    migrate,
    owner_engine,
)

from tests.conftest import Addresses, new_database
from tests.waiting import eventually

REVISIONS = sorted(path.stem for path in (MIGRATIONS / "versions").glob("*.py"))


SQL_FILES = sorted((MIGRATIONS.parent / "sql").glob("*.sql"))


@pytest.fixture
async def empty(postgres: Postgres) -> Addresses:
    """A database of its own, without any table."""
    return Addresses.of(await new_database(postgres, f"migrations_{uuid4().hex}"))


def values(addresses: Addresses, sql: str) -> list[object]:
    with psycopg.connect(addresses.owner, row_factory=scalar_row) as connection:
        return connection.execute(sql.encode()).fetchall()


def downgrade(addresses: Addresses, revision: str) -> None:
    with owner_engine(addresses.migration_settings()).connect() as connection:
        command.downgrade(alembic_config(connection), revision)


def schema(addresses: Addresses) -> list[object]:
    """Everything in the schema that a migration can change, as text."""
    return values(
        addresses,
        """
        select concat_ws(' ', table_name, column_name, data_type, character_maximum_length, is_nullable, column_default)
        from information_schema.columns where table_schema = 'public' and table_name <> 'alembic_version'
        union all select indexdef from pg_indexes
        where schemaname = 'public' and tablename <> 'alembic_version'
        union all select concat_ws(' ', tablename, policyname, cmd, qual, with_check) from pg_policies
        union all select concat_ws(' ', relname, relrowsecurity, relforcerowsecurity) from pg_class
        where relkind = 'r' and relnamespace = 'public'::regnamespace and relname <> 'alembic_version'
        union all select concat_ws(' ', pg_get_functiondef(oid), proacl) from pg_proc
        where pronamespace = 'public'::regnamespace
        union all select concat_ws(' ', 'database', grantee, privilege_type)
        from pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) where datname = current_database()
        union all select concat_ws(' ', 'schema', grantee, privilege_type)
        from pg_namespace, aclexplode(nspacl) where nspname = 'public'
        union all select concat_ws(' ', grantee, table_name, privilege_type)
        from information_schema.role_table_grants where grantee like 'taskwire_%' and table_name <> 'alembic_version'
        order by 1
        """,
    )


def test_the_models_and_the_migrated_schema_do_not_drift(empty: Addresses) -> None:
    migrate(empty.migration_settings())

    with owner_engine(empty.migration_settings()).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, SQLModel.metadata)

    assert differences == []


def test_the_sql_files_are_what_the_migrations_have_built(empty: Addresses) -> None:
    """Whoever edits services/task-writer/sql makes a migration that applies it, and the other way round."""
    migrate(empty.migration_settings())
    built = functions(empty)

    with psycopg.connect(empty.owner) as connection:
        for file in SQL_FILES:
            connection.execute(file.read_bytes())

    assert functions(empty) == built
    assert {name for name, _, _ in built} == {file.stem for file in SQL_FILES}


def functions(addresses: Addresses) -> list[tuple[str, str, str]]:
    """Name, text with all attributes, and rights of every function of the schema."""
    with psycopg.connect(addresses.owner) as connection:
        return connection.execute(
            "select proname, pg_get_functiondef(oid), proacl::text from pg_proc"
            " where pronamespace = 'public'::regnamespace order by 1, 2"
        ).fetchall()


def test_a_file_that_was_edited_without_a_migration_is_found(empty: Addresses) -> None:
    migrate(empty.migration_settings())
    built = functions(empty)
    edited = SQL_FILES[0].read_text().replace("as $$", "as $$ -- edited", 1)

    with psycopg.connect(empty.owner) as connection:
        connection.execute(edited.encode())

    assert functions(empty) != built


def test_the_seeds_columns_and_indexes_are_there(empty: Addresses) -> None:
    migrate(empty.migration_settings(), REVISIONS[0])

    assert set(values(empty, "select indexname from pg_indexes where tablename = 'tasks'")) == {
        "tasks_pkey",
        "idx_task_user_id",
        "idx_task_user_created",
    }
    assert values(
        empty, "select column_name::text from information_schema.columns where table_name = 'tasks' order by 1"
    ) == ["created_at", "description", "id", "is_completed", "title", "user_id"]


@pytest.mark.parametrize(("before", "after"), list(zip(["base", *REVISIONS], REVISIONS, strict=False)))
def test_a_downgrade_brings_back_what_was_before(empty: Addresses, before: str, after: str) -> None:
    settings = empty.migration_settings()
    migrate(settings, before if before != "base" else REVISIONS[0])
    downgrade(empty, before)
    earlier = schema(empty)

    migrate(settings, after)
    changed = schema(empty)
    downgrade(empty, before)

    assert changed != earlier
    assert schema(empty) == earlier


def test_tasks_that_are_there_get_a_revision_without_being_touched(empty: Addresses) -> None:
    migrate(empty.migration_settings(), "0004_pages")
    user = "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11"
    with psycopg.connect(empty.owner) as owner:
        owner.execute("select set_config('app.user_id', %s, true)", [user])
        for title in ("one", "other"):
            owner.execute("insert into tasks (id, title, user_id) values (gen_random_uuid(), %s, %s)", [title, user])
    file = values(empty, "select pg_relation_filenode('tasks')")
    began = int(time() * 1e6)

    migrate(empty.migration_settings())

    assert values(empty, "select pg_relation_filenode('tasks')") == file
    with psycopg.connect(empty.owner) as owner:
        owner.execute("select set_config('app.user_id', %s, true)", [user])
        ((first,), (second,)) = owner.execute("select revision from tasks where user_id = %s", [user]).fetchall()
    assert began <= first == second <= int(time() * 1e6)


def test_an_index_that_was_broken_off_is_made_again(empty: Addresses) -> None:
    migrate(empty.migration_settings(), "0005_revisions")
    with psycopg.connect(empty.owner) as owner:  # what a run leaves that is killed in the middle
        owner.execute("create unique index idx_command_log_change on command_log (user_id) where false")

    migrate(empty.migration_settings())

    (definition,) = values(empty, "select indexdef from pg_indexes where indexname = 'idx_command_log_change'")
    assert "(user_id, revision) WHERE (previous IS NOT NULL)" in str(definition)


def test_migrating_again_changes_nothing(empty: Addresses) -> None:
    migrate(empty.migration_settings())
    once = schema(empty)

    migrate(empty.migration_settings())

    assert schema(empty) == once


@pytest.fixture
def holder(empty: Addresses) -> Iterator[psycopg.Connection]:
    """Another migration, which has its turn."""
    with psycopg.connect(empty.owner, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", [ADVISORY_LOCK])
        yield connection


def begin_to_migrate(addresses: Addresses, log: TextIO) -> subprocess.Popen[bytes]:
    environment = {"DATABASE_URL": addresses.owner, "WRITER_DATABASE_URL": addresses.writer}
    program = Path(sys.executable).with_name("task-writer")
    return subprocess.Popen([program, "migrate"], env=environment, stderr=log)


async def test_migrations_at_once_wait_without_a_snapshot_and_then_take_turns(
    empty: Addresses, holder: psycopg.Connection, tmp_path: Path
) -> None:
    """Both have begun and neither has its turn, when the one before them makes an index that waits for snapshots."""
    holder.execute("create table large (id int)")
    logs = [tmp_path / name for name in ("one.log", "other.log")]

    async def both_wait() -> bool:
        assert [one.poll() for one in both] == [None, None]
        return all("waiting for another migration" in log.read_text() for log in logs)

    with logs[0].open("w") as one, logs[1].open("w") as other:
        both = [begin_to_migrate(empty, log) for log in (one, other)]
        await eventually(both_wait)
        holder.execute("set statement_timeout = '30s'")  # whoever waited with a snapshot would do so for LOCK_TIMEOUT_S
        holder.execute("create index concurrently extra on large (id)")
        assert [one.poll() for one in both] == [None, None]
        holder.execute("drop table large")
        holder.execute("select pg_advisory_unlock(%s)", [ADVISORY_LOCK])

        assert [one.wait(timeout=60) for one in both] == [0, 0]
    assert values(empty, "select version_num::text from alembic_version") == [REVISIONS[-1]]


def test_a_migration_that_waits_too_long_says_for_whom(
    empty: Addresses, holder: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "LOCK_TIMEOUT_S", 0.5)

    with pytest.raises(AnotherMigration, match=f"in backend {holder.info.backend_pid}"):
        migrate(empty.migration_settings())


def test_a_table_in_use_is_named_as_the_reason_and_nothing_is_left_half_done(empty: Addresses) -> None:
    migrate(empty.migration_settings(), REVISIONS[0])
    before = schema(empty)

    with psycopg.connect(empty.owner) as busy:
        busy.execute("select count(*) from tasks")
        with pytest.raises(TableInUse, match=r"lock timeout.*Run `task-writer migrate` again"):
            migrate(empty.migration_settings())

    assert schema(empty) == before
    migrate(empty.migration_settings())


def test_a_role_that_does_not_own_the_tables_is_named_as_the_cause(empty: Addresses) -> None:
    migrate(empty.migration_settings())
    settings = empty.migration_settings().model_copy(update={"database_url": SecretStr(empty.writer)})

    with pytest.raises(NotTheOwner, match=r"permission denied .* the role that owns the tables"):
        migrate(settings)


def test_the_turn_is_given_back_while_the_connection_lives_on(empty: Addresses, holder: psycopg.Connection) -> None:
    """As behind a pooler."""
    holder.execute("select pg_advisory_unlock(%s)", [ADVISORY_LOCK])

    with owner_engine(empty.migration_settings()).connect() as pooled:
        driver = pooled.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        with migrating._migration_lock(driver):
            assert holder.execute("select pg_try_advisory_lock(%s)", [ADVISORY_LOCK]).fetchone() == (False,)
        assert holder.execute("select pg_try_advisory_lock(%s)", [ADVISORY_LOCK]).fetchone() == (True,)


def test_an_owner_who_does_not_own_the_database_is_warned_of_temporary_tables(
    empty: Addresses, postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    name = empty.owner.rpartition("/")[2]
    with psycopg.connect(postgres.superuser_url.rpartition("/")[0] + f"/{name}", autocommit=True) as admin:
        admin.execute(f"alter database {name} owner to postgres".encode())
        admin.execute("grant create, usage on schema public to taskwire_owner with grant option")

    migrate(empty.migration_settings())

    assert f'revoke temporary on database "{name}" from public;' in caplog.text


def test_the_services_roles_get_their_time_outs(empty: Addresses) -> None:
    migrate(empty.migration_settings())

    for url in (empty.writer, empty.reader):
        with psycopg.connect(url, row_factory=scalar_row) as connection:
            assert connection.execute("show statement_timeout").fetchone() == "5s"
            assert connection.execute("show timezone").fetchone() == "UTC"


async def test_a_database_that_cannot_hold_every_text_is_refused(postgres: Postgres) -> None:
    async with await psycopg.AsyncConnection.connect(postgres.superuser_url, autocommit=True) as admin:
        await admin.execute("drop database if exists ascii_only")
        await admin.execute("create database ascii_only template template0 encoding 'SQL_ASCII' owner taskwire_owner")
    ascii_only = Addresses.of(postgres.owner_url.rpartition("/")[0] + "/ascii_only")

    with pytest.raises(WrongEncoding, match="must be UTF8"):
        migrate(ascii_only.migration_settings())

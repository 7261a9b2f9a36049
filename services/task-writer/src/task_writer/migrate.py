"""Migrates a database to this release's schema: roles first, then Alembic's revisions."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from common.postgres.servers import options_for_primary
from psycopg.errors import InsufficientPrivilege, LockNotAvailable, QueryCanceled
from pydantic import SecretStr
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from task_writer.roles import READER_ROLE, WRITER_ROLE, ensure_roles
from task_writer.settings import MigrationSettings

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parents[2] / "migrations"
CONNECT_TIMEOUT_S = 10
ADVISORY_LOCK = 0x7A5C_0001  # any number that nothing else uses

PAUSE_S = 0.2
PROGRESS_EVERY_S = 10.0
LOCK_TIMEOUT_S = 900.0  # an index on a large table takes minutes

WHEN_IN_USE = (
    "A migration waits up to 3 s for its locks, so that the services do not wait behind it, and up to a minute for an "
    "index, which blocks nobody. The migrations before it are applied. Run `task-writer migrate` again. If that does "
    "not help, find the long transaction with `select pid, xact_start, query from pg_stat_activity where xact_start is "
    "not null`."
)
TEMPORARY = """
select current_user, current_database() from pg_roles
where rolname = current_user and has_database_privilege('public', current_database(), 'temporary')
"""
LOCK_HOLDERS = "select pid from pg_locks where locktype = 'advisory' and objid::bigint = %s and granted"


class WrongEncoding(SystemExit):
    """The database cannot store all Unicode text. The message says what to do instead."""


class AnotherMigration(SystemExit):
    """Another migration is still running. The message says which."""


class TableInUse(SystemExit):
    """A migration did not get its locks in time. The message says what to do."""


class NotTheOwner(SystemExit):
    """The role of DATABASE_URL may not change the schema. The message says which role can."""


def migrate(settings: MigrationSettings, revision: str = "head") -> None:
    """Creates missing roles and applies missing revisions. Idempotent; a concurrent second run waits.

    Raises psycopg's errors when PostgreSQL cannot be reached or refuses.
    """
    with owner_engine(settings).connect() as connection:
        driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
        with _migration_lock(driver):
            ensure_roles(driver, {WRITER_ROLE: settings.writer_database_url, READER_ROLE: settings.reader_database_url})
            driver.commit()
            _upgrade(connection, revision)
            _warn_of_temporary_tables(driver)
    log.info("the schema is at %s", revision)


def _upgrade(connection: Connection, revision: str) -> None:
    try:
        command.upgrade(alembic_config(connection), revision)
    except DBAPIError as error:
        if isinstance(error.orig, LockNotAvailable | QueryCanceled):
            raise TableInUse(_in_use(error.orig)) from None
        if isinstance(error.orig, InsufficientPrivilege):
            raise NotTheOwner(_not_the_owner(error.orig)) from None
        raise


@contextmanager
def _migration_lock(driver: psycopg.Connection[Any]) -> Iterator[None]:
    """Holds the migration lock. Unlocks explicitly: behind a pooler the lock would outlive this connection."""
    _take_lock(driver)
    try:
        yield
    finally:
        with suppress(psycopg.Error):  # a broken connection has released it
            driver.rollback()
            driver.execute("select pg_advisory_unlock(%s)", [ADVISORY_LOCK])
            driver.rollback()


def _take_lock(driver: psycopg.Connection[Any]) -> None:
    """Takes the migration lock for the lifetime of the connection.

    It polls outside of any transaction: a statement that waits for the lock holds a snapshot, and `create index
    concurrently` in the other migration would wait for that snapshot.
    """
    driver.autocommit = True
    began = reported_at = monotonic()
    while driver.execute("select pg_try_advisory_lock(%s)", [ADVISORY_LOCK]).fetchone() != (True,):
        if monotonic() > began + LOCK_TIMEOUT_S:
            raise AnotherMigration(
                f"Another migration has been running for {LOCK_TIMEOUT_S / 60:.0f} minutes, in backend "
                f"{_lock_holder(driver)}. Look it up in pg_stat_activity, and run `task-writer migrate` again once it "
                "has ended. A pooler may have kept the lock of an ended one: give DATABASE_URL the direct host."
            )
        if reported_at == began or monotonic() > reported_at + PROGRESS_EVERY_S:
            reported_at = monotonic()
            log.info("waiting for another migration, in backend %s", _lock_holder(driver))
        sleep(PAUSE_S)
    driver.autocommit = False


def _lock_holder(driver: psycopg.Connection[Any]) -> str:
    holders = driver.execute(LOCK_HOLDERS, [ADVISORY_LOCK]).fetchall()
    return ", ".join(str(pid) for (pid,) in holders) or "that has just ended"


def _in_use(error: psycopg.Error) -> str:
    return f"The schema could not be changed: {error.diag.message_primary}. {WHEN_IN_USE}"


def _not_the_owner(error: psycopg.Error) -> str:
    return (
        f"The role of DATABASE_URL may not change the schema: {error.diag.message_primary}. Use the role that owns the "
        "tables; for the first migration, one that may create in the schema public."
    )


def _warn_of_temporary_tables(driver: psycopg.Connection[Any]) -> None:
    """The migrations revoke the right, which has an effect only when their role owns the database."""
    for role, database in driver.execute(TEMPORARY).fetchall():
        log.warning(
            "every role may create temporary tables, because %s does not own the database. Let its owner run "
            'revoke temporary on database "%s" from public;',
            role, database,
        )  # fmt: skip
    driver.rollback()


def owner_engine(settings: MigrationSettings) -> Engine:
    """SQLAlchemy's engine. psycopg gets the address unchanged, so that every form of libpq works."""
    return create_engine(
        "postgresql+psycopg://",
        creator=lambda: _connect(settings.database_url),
        poolclass=NullPool,
    )


def _connect(url: SecretStr) -> psycopg.Connection[Any]:
    connection = psycopg.connect(url.get_secret_value(), **options_for_primary(url, CONNECT_TIMEOUT_S))
    if (encoding := connection.info.parameter_status("server_encoding")) != "UTF8":
        connection.close()
        raise WrongEncoding(
            f"The database's encoding is {encoding}; it must be UTF8, so that text is counted in characters. "
            "Create it with `create database … template template0 encoding 'UTF8'`."
        )
    return connection


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration for an open connection and the revisions beside this package."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config

"""Brings a database to this release's schema: roles first, then Alembic's revisions."""

import logging
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.pool import NullPool

from task_writer.roles import READER_ROLE, WRITER_ROLE, ensure_role
from task_writer.settings import MigrationSettings

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parents[2] / "migrations"
CONNECT_TIMEOUT_S = 10
ADVISORY_LOCK = 0x7A5C_0001  # any number that is ours alone


class WrongEncoding(SystemExit):
    """The database cannot hold every text: the process ends with what to do instead."""


def migrate(settings: MigrationSettings, revision: str = "head") -> None:
    """Creates what is missing of roles and schema; safe to run again, and by two at once: the second waits.

    Raises psycopg's errors when PostgreSQL cannot be reached or refuses.
    """
    with owner_engine(settings).connect() as connection:
        connection.execute(text("select pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
        connection.commit()
        driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
        ensure_role(driver, WRITER_ROLE, settings.writer_database_url)
        ensure_role(driver, READER_ROLE, settings.reader_database_url)
        command.upgrade(alembic_config(connection), revision)
    log.info("the schema is at %s", revision)


def owner_engine(settings: MigrationSettings) -> Engine:
    """SQLAlchemy's way to the database, by the address as it was given: psycopg reads every form that libpq does."""
    url = settings.database_url.get_secret_value()
    return create_engine(
        "postgresql+psycopg://",
        creator=lambda: _connect(url),
        poolclass=NullPool,
    )


def _connect(url: str) -> psycopg.Connection[Any]:
    connection = psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_S)
    if (encoding := connection.info.parameter_status("server_encoding")) != "UTF8":
        connection.close()
        raise WrongEncoding(
            f"The database's encoding is {encoding}; it must be UTF8, so that texts are counted in characters. "
            "Create it with `create database … template template0 encoding 'UTF8'`."
        )
    return connection


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration for an open connection; the revisions are those beside this package."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config

"""Alembic's entry: runs the revisions, one transaction each, on the connection that task_writer.migrate has opened."""

from alembic import context
from common.settings import load
from sqlalchemy import Connection
from sqlmodel import SQLModel
from task_writer import tables  # noqa: F401 - registers the tables
from task_writer.migrate import owner_engine
from task_writer.settings import MigrationSettings


def run(connection: Connection) -> None:
    context.configure(
        connection=connection, target_metadata=SQLModel.metadata, transaction_per_migration=True, compare_type=True
    )
    with context.begin_transaction():
        context.run_migrations()


if "connection" in context.config.attributes:
    run(context.config.attributes["connection"])
else:  # a developer runs the alembic command, to write a revision
    with owner_engine(load(MigrationSettings)).connect() as own:
        run(own)

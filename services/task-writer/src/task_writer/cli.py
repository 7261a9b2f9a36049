"""The `task-writer` command: runs the service, or `task-writer migrate`."""

import argparse

from common.settings import configure_logging, load

from task_writer.settings import MigrationSettings, WriterSettings


def main() -> None:
    """Each action imports what it needs alone: FastStream and Alembic take half a second each to load."""
    parser = argparse.ArgumentParser(prog="task-writer", description="Applies commands from the bus to PostgreSQL.")
    parser.add_argument("action", nargs="?", choices=["run", "migrate"], default="run", help="default: %(default)s")
    action = parser.parse_args().action
    if action == "migrate":
        _migrate()
    else:
        _run()


def _run() -> None:
    import uvloop  # noqa: PLC0415

    from task_writer.app import run  # noqa: PLC0415

    settings = load(WriterSettings)
    configure_logging(settings.log_level)
    uvloop.run(run(settings))


def _migrate() -> None:
    from sqlalchemy.exc import OperationalError  # noqa: PLC0415

    from task_writer.migrate import migrate  # noqa: PLC0415

    settings = load(MigrationSettings)
    configure_logging(settings.log_level)
    try:
        migrate(settings)
    except OperationalError as error:
        raise SystemExit(f"PostgreSQL at DATABASE_URL does not answer: {error.orig}") from None

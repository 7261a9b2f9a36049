"""The `task-writer` command: runs the service, `task-writer migrate`, or `task-writer dead-letters`."""

import argparse
import signal

from common.extras import are_installed
from common.observability.logs import configure_logging
from common.settings import load

from task_writer.settings import MigrationSettings, WriterSettings

DEAD_LETTERS_TEXT = """\
Dead letters are messages that no task-writer could process. They stay in the dead-letter queue, in order of arrival,
until you replay or discard them. Listing and showing them changes nothing. RABBITMQ_URL names the RabbitMQ server."""


def main() -> None:
    """Each action imports only what it needs: FastStream and Alembic take half a second each to load."""
    arguments = _parser().parse_args()
    if arguments.action == "migrate":
        _migrate()
    elif arguments.action == "dead-letters":
        from task_writer.dead_letter_commands import run as run_dead_letters  # noqa: PLC0415

        run_dead_letters(arguments)
    else:
        _run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="task-writer", description="Applies commands from the bus to PostgreSQL.")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions")
    actions.add_parser("run", help="run the service; the default", description="Runs the service.")
    actions.add_parser("migrate", help="bring the schema up to date", description="Brings the schema up to date.")
    text = "look at dead letters, replay or discard them"
    dead_letters = actions.add_parser("dead-letters", help=text, description=DEAD_LETTERS_TEXT)
    _add_dead_letter_actions(
        dead_letters.add_subparsers(dest="dead_letter_action", metavar="ACTION", title="actions", required=True)
    )
    return parser


def _add_dead_letter_actions(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "one line for each dead letter: id, time, contents and reason, without any task text"
    listing = actions.add_parser("list", help=text, description=f"Prints {text}.")
    listing.add_argument(
        "--limit", type=_limit, default=50, metavar="N", help="dead letters, at most; default: %(default)s"
    )

    text = "everything in one dead letter, task texts included"
    showing = actions.add_parser("show", help=text, description=f"Prints {text}.")
    showing.add_argument("id", metavar="ID", help="as `list` prints it")

    text = "send the commands to the task-writers again"
    more = "A command that has already taken effect does not take effect again: the command log has its record."
    replaying = actions.add_parser("replay", help=text, description=f"Sends the commands to the task-writers. {more}")
    _add_choice(replaying)
    text = "also dead letters older than COMMAND_LOG_RETENTION_H, whose commands could take effect twice"
    replaying.add_argument("--force", action="store_true", help=text)

    text = "delete permanently"
    discarding = actions.add_parser("discard", help=text, description="Deletes dead letters permanently.")
    _add_choice(discarding)
    discarding.add_argument("--yes", action="store_true", help="confirm; without it, only lists what would be deleted")


def _add_choice(parser: argparse.ArgumentParser) -> None:
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("id", nargs="?", metavar="ID", help="as `list` prints it")
    choice.add_argument("--all", action="store_true", help="all dead letters in the queue now")


def _limit(text: str) -> int:
    """Raises ArgumentTypeError for an invalid limit; an AMQP consumer holds at most 65,535 messages."""
    if not text.isdecimal() or not 1 <= int(text[:6]) <= 65_535:  # noqa: PLR2004 - the message names it
        raise argparse.ArgumentTypeError("must be a number from 1 to 65535")
    return int(text)


def _run() -> None:
    import uvloop  # noqa: PLC0415

    from task_writer.app import run  # noqa: PLC0415

    settings = load(WriterSettings)
    configure_logging(settings.log_level, style=settings.log_format, log_each=settings.log_requests)
    uvloop.run(run(settings))


def _migrate() -> None:
    settings = load(MigrationSettings)
    configure_logging(settings.log_level, style=settings.log_format, log_each=settings.log_requests)
    if not are_installed("alembic", "sqlalchemy", "sqlmodel"):
        raise SystemExit("Migrations need Alembic and SQLModel: install task-writer[migrate], as the images do.")
    from sqlalchemy.exc import OperationalError  # noqa: PLC0415

    from task_writer.migrate import migrate  # noqa: PLC0415

    signal.signal(signal.SIGTERM, _stop)
    try:
        migrate(settings)
    except OperationalError as error:
        raise SystemExit(f"PostgreSQL at DATABASE_URL cannot be used: {error.orig}") from None


def _stop(signum: int, _frame: object) -> None:
    """Ends the process, undoing its transaction: without this, SIGTERM does nothing to a container's first process."""
    raise SystemExit(128 + signum)

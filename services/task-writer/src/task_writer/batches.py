"""Carries a batch of commands out: one transaction for all of them, or one for each when that fails."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from common.contracts import AnyCommand, Outcome
from common.database import Connection, Database, DatabaseUnavailable, all_rows, first_rows
from psycopg import DataError, Error, IntegrityError
from psycopg.errors import UniqueViolation

from task_writer import statements
from task_writer.metrics import REPEATS

log = logging.getLogger(__name__)

EXPIRED = Outcome(status="expired", reason="The deadline had passed before the command could be run.")
REFUSED = Outcome(status="refused", reason="The database refused or did not answer.")
POISONOUS = Outcome(status="refused", reason="The command could not be carried out.")
UNKNOWN = Outcome(status="unknown", reason="The database connection broke while the command was being carried out.")
KEY_REUSED = Outcome(status="key_reused", reason="The key was used for another request before.")


@dataclass(frozen=True)
class Answered:
    """A command with its outcome; `poison` says why the command itself, not its surroundings, cannot be carried out."""

    command: AnyCommand
    outcome: Outcome
    poison: str | None = None


async def carry_out(database: Database, commands: Sequence[AnyCommand], *, redelivered: bool = False) -> list[Answered]:
    """Answers every command for itself, in order; raises nothing.

    Commands past their deadline are not run. The others go to PostgreSQL in one round trip and one transaction; when
    that fails, each is run again on its own, so that one bad command harms no neighbour.

    What may have been committed before is looked up first, in one more round trip: all of a redelivered batch, of any
    other the commands with a key. A command that was carried out gets the recorded outcome, whatever its deadline.
    """
    doubtful = [
        place for place, command in enumerate(commands) if redelivered or (command.keyed and command.seconds_left() > 0)
    ]
    try:
        found = await _look_up(database, [commands[place] for place in doubtful])
    except (DatabaseUnavailable, Error) as error:
        log.warning("a batch could not be looked up: %s", error)
        return [Answered(command, UNKNOWN if redelivered else REFUSED) for command in commands]
    recorded = dict(zip(doubtful, found, strict=True))
    live = [
        place for place, command in enumerate(commands) if recorded.get(place) is None and command.seconds_left() > 0
    ]
    run = dict(zip(live, await _carry_out_together(database, [commands[place] for place in live]), strict=True))
    return [
        run.get(place) or Answered(command, recorded.get(place) or EXPIRED) for place, command in enumerate(commands)
    ]


async def _look_up(database: Database, commands: Sequence[AnyCommand]) -> list[Outcome | None]:
    if not commands:
        return []
    return await database.run(lambda db: _find_recorded(db, commands))


async def _carry_out_together(database: Database, commands: Sequence[AnyCommand]) -> list[Answered]:
    if not commands:
        return []
    try:
        outcomes = await database.run(lambda db: _run_in_one_transaction(db, commands))
    except DatabaseUnavailable as error:
        return [Answered(command, _unavailable(error)) for command in commands]
    except Error as error:
        log.info("a batch of %d is run again one by one: %s", len(commands), type(error).__name__)
        return [await _carry_out_alone(database, command) for command in commands]
    return [Answered(command, outcome) for command, outcome in zip(commands, outcomes, strict=True)]


async def _carry_out_alone(database: Database, command: AnyCommand) -> Answered:
    try:
        return Answered(command, await database.run(lambda db: _look_up_or_run(db, command)))
    except DatabaseUnavailable as error:
        return Answered(command, _unavailable(error))
    except (DataError, IntegrityError) as error:
        reason = f"{type(error).__name__} {error.sqlstate} {error.diag.constraint_name or ''}".rstrip()
        log.error("a command cannot be carried out: %s", reason)  # noqa: TRY400 - a traceback would show its texts
        return Answered(command, POISONOUS, poison=reason)
    except Error as error:  # of the surroundings: a lock held too long, a full disk, a read-only server
        log.warning("PostgreSQL refused a command: %s: %s", type(error).__name__, error.diag.message_primary)
        return Answered(command, REFUSED)


def _unavailable(error: DatabaseUnavailable) -> Outcome:
    return UNKNOWN if error.maybe_done else REFUSED


async def _look_up_or_run(db: Connection, command: AnyCommand) -> Outcome:
    (recorded,) = await _find_recorded(db, [command])
    if recorded is not None:
        return recorded
    if command.seconds_left() <= 0:
        return EXPIRED
    try:
        return (await _run_in_one_transaction(db, [command]))[0]
    except UniqueViolation:
        (recorded,) = await _find_recorded(db, [command])
        if recorded is not None:
            return recorded  # another writer was at it at the same moment
        raise  # not the command's id but something else was there twice: a bug


async def _find_recorded(db: Connection, commands: Sequence[AnyCommand]) -> list[Outcome | None]:
    """What is recorded under the id of each command; None when it was not carried out. One round trip."""
    texts = [
        (statements.FIND_RECORDED, {"command_id": str(command.command_id), "user_id": str(command.user_id)})
        for command in commands
    ]
    rows = await first_rows(db, texts)
    return [_recorded_outcome(command, row) if row else None for command, row in zip(commands, rows, strict=True)]


def _recorded_outcome(command: AnyCommand, row: tuple[Any, ...]) -> Outcome:
    """Without a key, an id is made for one command alone: whatever is recorded under it is the command's own."""
    REPEATS.inc()
    if not command.keyed:
        return _outcome(row)
    if row[2] != statements.fingerprint(command):
        return KEY_REUSED
    return _outcome(row).model_copy(update={"replayed": True})


async def _run_in_one_transaction(db: Connection, commands: Sequence[AnyCommand]) -> list[Outcome]:
    """One statement, and one row for each command. Raises psycopg's errors."""
    rows = await all_rows(db, statements.RUN_COMMANDS, statements.parameters(commands))
    return [_outcome(row) for _, row in zip(commands, rows, strict=True)]


def _outcome(row: tuple[Any, ...]) -> Outcome:
    status: Literal["done", "not_found"] = row[0]
    return Outcome(status=status, task=row[1])

"""Carries a batch of commands out: one transaction for all of them, or one for each when that fails."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from common.contracts import AnyCommand, Outcome
from common.database import Connection, Database, DatabaseUnavailable, first_rows
from psycopg import DataError, Error, IntegrityError
from psycopg.errors import UniqueViolation

from task_writer import statements

log = logging.getLogger(__name__)

EXPIRED = Outcome(status="expired", reason="The deadline had passed before the command could be run.")
REFUSED = Outcome(status="refused", reason="The database refused or did not answer.")
POISONOUS = Outcome(status="refused", reason="The command could not be carried out.")
UNKNOWN = Outcome(status="unknown", reason="The database connection broke while the command was being carried out.")


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

    A redelivered batch may have been committed before, so it is looked up first, in one more round trip: a command
    that was carried out gets the recorded outcome, whatever its deadline.
    """
    by_id: dict[UUID, Answered] = {}
    if redelivered:
        try:
            by_id = await database.run(lambda db: _find_recorded(db, commands))
        except (DatabaseUnavailable, Error) as error:
            log.warning("a redelivered batch could not be looked up: %s", error)
            return [Answered(command, UNKNOWN) for command in commands]
    live = [command for command in commands if command.command_id not in by_id and command.seconds_left() > 0]
    by_id |= {answered.command.command_id: answered for answered in await _carry_out_together(database, live)}
    return [by_id.get(command.command_id, Answered(command, EXPIRED)) for command in commands]


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
    if recorded := await _find_recorded(db, [command]):
        return recorded[command.command_id].outcome
    if command.seconds_left() <= 0:
        return EXPIRED
    try:
        return (await _run_in_one_transaction(db, [command]))[0]
    except UniqueViolation:
        if recorded := await _find_recorded(db, [command]):
            return recorded[command.command_id].outcome  # another writer was at it at the same moment
        raise  # not the command's id but something else was there twice: a bug


async def _find_recorded(db: Connection, commands: Sequence[AnyCommand]) -> dict[UUID, Answered]:
    """Those of the commands that were carried out before, by their ids. One round trip."""
    texts = [(statements.FIND_RECORDED, statements.parameters(command)) for command in commands]
    outcomes = {row[2]: _outcome(row) for row in await first_rows(db, texts) if row}
    return {
        command.command_id: Answered(command, outcomes[command.command_id])
        for command in commands
        if command.command_id in outcomes
    }


async def _run_in_one_transaction(db: Connection, commands: Sequence[AnyCommand]) -> list[Outcome]:
    """Every statement answers with one row. Raises psycopg's errors."""
    texts = [(statements.BY_TYPE[command.type], statements.parameters(command)) for command in commands]
    return [_outcome(row) for row in await first_rows(db, texts) if row]


def _outcome(row: tuple[Any, ...]) -> Outcome:
    status: Literal["done", "not_found"] = row[0]
    return Outcome(status=status, task=row[1])

"""Runs a batch of commands: in one transaction for each MAX_COMMANDS or, when that fails, in one per command.

`refused` and `expired` promise that nothing was done and nothing will be. While an earlier run of the batch may still
commit, only PostgreSQL can promise that, under the batch's lock (ADR 13); any other outcome is then `unknown`.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from common.contracts.commands import AnyCommand
from common.contracts.outcomes import Outcome
from common.postgres.database import Connection, Database, DatabaseUnavailable
from common.postgres.text_rows import text_rows
from psycopg import DataError, Error, IntegrityError
from psycopg.errors import UniqueViolation

from task_writer import statements
from task_writer.metrics import REPEATS

log = logging.getLogger(__name__)

EXPIRED = Outcome(status="expired", reason="The deadline had passed before the command could be run.")
REFUSED = Outcome(status="refused", reason="The database refused or did not answer.")
POISONOUS = Outcome(status="refused", reason="The command could not be carried out.")
UNKNOWN = Outcome(status="unknown", reason="The database connection broke while the command was being carried out.")
STILL_RUNNING = Outcome(status="unknown", reason="An earlier run of the command may not have ended.")
NOT_BEGUN = Outcome(status="refused", reason="The first operation of the batch was not carried out.")
KEY_REUSED = Outcome(status="key_reused", reason="The key was used for another request before.")

_NOT_RUN = {b"expired": EXPIRED, b"refused": NOT_BEGUN, b"key_reused": KEY_REUSED, b"unknown": STILL_RUNNING}
"""The outcomes of what run_commands answers without running the command."""

_TRUE = b"t"  # a boolean as PostgreSQL writes it

LONG_PAST_S = 10.0
"""A command this long past its deadline is not sent to PostgreSQL, whose clock decides. Clock skew is smaller."""

MAX_COMMANDS = 128
"""In one transaction, which locks the rows of its users: as many as an ordinary batch has by default. A request with a
thousand operations would hold its user's row ten times as long, and with it each batch that has another command of that
user (ADR 23)."""

RECORDED_BEFORE = {"command_log_pkey", *(f"command_log_{slot}_pkey" for slot in range(4))}


@dataclass(frozen=True)
class Answered:
    """A command with its outcome. `poison` is the reason when the command itself is at fault, not the database."""

    command: AnyCommand
    outcome: Outcome
    poison: str | None = None


async def carry_out(database: Database, commands: Sequence[AnyCommand], *, redelivered: bool = False) -> list[Answered]:
    """The outcome of each command, in order; raises nothing.

    Up to MAX_COMMANDS go to PostgreSQL in one round trip and one transaction, and the next ones after them. When that
    fails, each is run again on its own, so that a bad command does not affect the others. Commands past their deadline
    are not run.

    Commands that may have been committed before are looked up first: all of a redelivered batch, otherwise those with a
    key. A recorded outcome is returned whatever the deadline, once the standbys have it: a look-up commits as well (ADR
    29).
    """
    answered: list[Answered] = []
    for start in range(0, len(commands), MAX_COMMANDS):
        # itertools.batched would shorten a tuple of MAX_COMMANDS, which Python then keeps in its free lists: up to 6 MB
        part = commands[start : start + MAX_COMMANDS]
        if not redelivered and all(command.seconds_left() < -LONG_PAST_S for command in part):
            answered += [Answered(command, EXPIRED) for command in part]
            continue
        batch = _Batch(database, part[0].command_id, earlier_run=redelivered)
        try:
            answered += await _carry_out_together(batch, part)
        except DatabaseUnavailable as error:
            answered += [Answered(command, batch.unavailable(error)) for command in part]
            break
    not_tried = STILL_RUNNING if redelivered else REFUSED  # each further part would wait for PostgreSQL as long again
    return answered + [Answered(command, not_tried) for command in commands[len(answered) :]]


class _Batch:
    """State that the runs of one batch share. The id of its first command names it in every delivery.

    `earlier_run`: an earlier transaction may still commit the commands that this one does not find. That is so for a
    redelivered batch, whose previous writer may still be running it, and after a broken connection, whose backend may
    still be running.
    """

    def __init__(self, database: Database, name: UUID, *, earlier_run: bool) -> None:
        self._database = database
        self._name = name
        self._earlier_run = earlier_run

    async def run(self, commands: Sequence[AnyCommand], *, look_up: bool) -> list[Outcome]:
        """One transaction, one round trip. Raises DatabaseUnavailable, and psycopg's errors."""
        return await self._database.run(lambda db: self._run_once(db, commands, look_up=look_up))

    async def _run_once(self, db: Connection, commands: Sequence[AnyCommand], *, look_up: bool) -> list[Outcome]:
        values = statements.parameters(commands, batch=self._name, look_up=look_up or self._earlier_run)
        try:
            rows = await text_rows(db, statements.RUN_COMMANDS, values)
        except Error:
            self._earlier_run = self._earlier_run or db.closed
            raise
        return [_outcome(command, *row) for command, row in zip(commands, rows, strict=True)]

    def unavailable(self, error: DatabaseUnavailable) -> Outcome:
        """The outcome of a command when the database is not available."""
        return UNKNOWN if error.maybe_done else self.not_done(REFUSED)

    def not_done(self, refused: Outcome) -> Outcome:
        """The outcome of a command that this run did not commit: `refused`, unless an earlier run may."""
        return STILL_RUNNING if self._earlier_run else refused


async def _carry_out_together(batch: _Batch, commands: Sequence[AnyCommand]) -> list[Answered]:
    """In one transaction, or each on its own. Raises DatabaseUnavailable."""
    try:
        outcomes = await batch.run(commands, look_up=False)
    except Error as error:
        log.info("a batch of %d failed and is run again command by command: %s", len(commands), type(error).__name__)
        return [await _carry_out_alone(batch, command) for command in commands]
    return [Answered(command, outcome) for command, outcome in zip(commands, outcomes, strict=True)]


async def _carry_out_alone(batch: _Batch, command: AnyCommand) -> Answered:
    try:
        return Answered(command, await _run_alone(batch, command))
    except DatabaseUnavailable as error:
        return Answered(command, batch.unavailable(error))
    except (DataError, IntegrityError) as error:
        reason = f"{type(error).__name__} {error.sqlstate} {error.diag.constraint_name or ''}".rstrip()
        log.error("a command cannot be carried out: %s", reason)  # noqa: TRY400 - a traceback would show its texts
        return Answered(command, batch.not_done(POISONOUS), poison=reason)
    except Error as error:  # not the command's fault: a lock time-out, a full disk, a read-only server
        log.warning("PostgreSQL refused a command: %s: %s", type(error).__name__, error.diag.message_primary)
        return Answered(command, batch.not_done(REFUSED))


async def _run_alone(batch: _Batch, command: AnyCommand) -> Outcome:
    try:
        (outcome,) = await batch.run([command], look_up=True)
    except UniqueViolation as error:
        if error.diag.constraint_name not in RECORDED_BEFORE:
            raise  # a duplicate of something else than the command's id: a bug
        (outcome,) = await batch.run([command], look_up=True)  # another writer recorded it at the same moment
    return outcome


def _outcome(
    command: AnyCommand, status: Any, task: bytes | None, recorded: bytes | None, revision: bytes | None
) -> Outcome:
    """Without a key, a command id is unique, so a record under it is always this command's own: no replay."""
    is_recorded = recorded == _TRUE
    if is_recorded:
        REPEATS.inc()
    if status in _NOT_RUN:
        return _NOT_RUN[status]
    return Outcome(
        status=status.decode(),
        task=None if task is None else task.decode(),
        replayed=is_recorded and command.keyed,
        revision=None if revision is None else int(revision),
    )

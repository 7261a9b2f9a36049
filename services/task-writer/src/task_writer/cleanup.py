"""Removes old records from the command log: a slot at a time, and what is in no slot a limited number at a time."""

import asyncio
import logging

from common.postgres.database import Connection, Database, DatabaseUnavailable, all_rows
from psycopg import InternalError, OperationalError

from task_writer.metrics import CLEANUP_BEHIND, EMPTIED_SLOTS, FORGOTTEN
from task_writer.statements import EMPTY_OLD_SLOT, FORGET_COMMANDS

log = logging.getLogger(__name__)

RECORDS_PER_STATEMENT = 1000  # keeps each delete, and what it locks, short


async def forget_old_commands(db: Connection, retention_s: float) -> int:
    """Deletes up to RECORDS_PER_STATEMENT records older than `retention_s` seconds; returns how many."""
    ((forgotten,),) = await all_rows(db, FORGET_COMMANDS, {"retention_s": retention_s, "limit": RECORDS_PER_STATEMENT})
    return int(forgotten)


async def empty_old_slot(db: Connection, retention_s: float) -> str:
    """Empties a slot whose records are all older than `retention_s` seconds, at a cost that does not depend on their
    number: returns "emptied", "in_use" when a transaction reads the slot, or "none" when there is nothing to empty.
    """
    ((result,),) = await all_rows(db, EMPTY_OLD_SLOT, {"retention_s": retention_s})
    return str(result)


async def keep_forgetting(database: Database, *, retention_s: float, interval_s: float) -> None:
    """Runs for ever: a clean-up every `interval_s` seconds, repeated immediately while it deletes a full batch.

    Outages, locks and a read-only server are temporary: the next clean-up does the work. Raises psycopg's other errors,
    such as a missing function or right, which last: the caller counts them for an alert.
    """
    while True:
        try:
            slot = await database.run(lambda db: empty_old_slot(db, retention_s))
            forgotten = await database.run(lambda db: forget_old_commands(db, retention_s))
        except (DatabaseUnavailable, OperationalError, InternalError) as error:
            log.warning("the command log was not cleaned up: %s", error)
            forgotten = 0  # the gauge stays as it was: nobody knows
        else:
            _show(slot, forgotten)
        if forgotten < RECORDS_PER_STATEMENT:
            await asyncio.sleep(interval_s)


def _show(slot: str, forgotten: int) -> None:
    FORGOTTEN.inc(forgotten)
    CLEANUP_BEHIND.set(slot == "in_use" or forgotten == RECORDS_PER_STATEMENT)
    if slot == "emptied":
        EMPTIED_SLOTS.inc()
        log.info("a slot of the command log was emptied")

"""The reader's SQL: calls of functions from the migrations, which filter by user_id and let PostgreSQL build the JSON.

Each function sets app.user_id for row-level security, until the end of the transaction; PostgreSQL plans its query once
per connection. See ADR 9.
"""

from collections.abc import Sequence
from datetime import datetime

from common.contracts.reads import Page, Read
from common.postgres.database import Connection, all_rows
from common.postgres.text_rows import Value, call, text_rows

from task_reader.replication import PRIMARY, Look

READ_TASKS = "read_tasks(%(user_id)s, %(known_revision)s)"
READ_CHANGES = "read_changes(%(user_id)s, %(since)s, %(known_revision)s)"
NOT_REACHED = "not_reached(%(user_id)s, %(min_revision)s)"
READ_TASK = "read_task(%(user_id)s, %(task_id)s, %(known_revision)s)"
READ_EACH_TASK = "select read_each_task(%(user_id)s, %(task_id)s, %(known_revision)s)"
"""Many of these, each value an array, null where no revision is known. A call for each takes more: to spell it, to
parse it, and to enter the function. One alone is cheaper as a call of READ_TASK."""

LIST_PAGE = (
    "list_page(%(user_id)s, %(order)s, %(limit)s, %(is_completed)s, %(created_after)s, %(created_before)s, %(q)s,"
    " %(after_key)s, %(after_id)s, %(known_revision)s)"
)


REPLICATION = """
select host(inet_server_addr()) || ':' || inet_server_port(), pg_is_in_recovery(),
  exists (select from pg_stat_wal_receiver),
  pg_wal_lsn_diff(pg_last_wal_receive_lsn(), '0/0')::bigint, pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint,
  date_part('epoch', pg_last_xact_replay_timestamp()), date_part('epoch', clock_timestamp())
"""


async def look_at_replication(db: Connection, *, names_primary: bool) -> Look:
    """How far this server is with replaying what its primary sends. Needs no right but to connect; one round trip.

    None with a primary, unless it has to be named: PostgreSQL tells each connection whether it leads to a standby.
    """
    if not names_primary and db.info.parameter_status("in_hot_standby") == "off":
        return PRIMARY
    (row,) = await all_rows(db, REPLICATION, {})
    return Look(*row)


async def answer_reads(db: Connection, reads: Sequence[Read]) -> list[bytes | None]:
    """The answer to each read, in order, in one round trip: a JSON array of tasks, newest first, or one task as JSON,
    in the form of common.contracts.revised, or None when the user has no such task. A page has a line before its array:
    the JSON of the Position after which the next page begins, or nothing on the last one. Changes are an object of
    `revision`, `changed` and `deleted`, or None when they are not known, or more than 500. Where a `min_revision` is
    not reached, the answer is a sign of common.contracts.revised.

    A list uses idx_task_user_created_id, and its cost is linear in the number of tasks: PostgreSQL builds the whole
    array, which is held in memory once. A page uses the same index, or idx_task_user_title; it looks at 10,000 tasks at
    most. At its known revision either costs one look at user_revisions_pkey. A single task uses tasks_pkey. Changes use
    idx_command_log_change and tasks_pkey; their cost is linear in their number.
    """
    if len(reads) > 1 and all(map(_is_of_one_task, reads)):
        rows = await text_rows(db, READ_EACH_TASK, _arrays(reads))
        return [answer for (answer,) in rows]
    return list(await call(db, [_call(read) for read in reads]))


def _is_of_one_task(read: Read) -> bool:
    """Whether it is what READ_EACH_TASK reads, and _call makes a call of READ_TASK of."""
    return read.task_id is not None and read.page is None and read.since is None and read.min_revision is None


def _arrays(reads: Sequence[Read]) -> dict[str, Value]:
    """The values of READ_EACH_TASK for reads of one task each."""
    known = [read.known_revision for read in reads]
    are_some_known = known.count(None) < len(known)
    return {
        "user_id": _array([read.user_id.hex for read in reads]),
        "task_id": _array([read.task_id.hex for read in reads if read.task_id is not None]),
        "known_revision": _array(["null" if one is None else str(one) for one in known]) if are_some_known else None,
    }


def _array(items: Sequence[str]) -> str:
    """As PostgreSQL reads an array of ids or numbers."""
    return f"{{{','.join(items)}}}"


def _call(read: Read) -> tuple[str, dict[str, Value]]:
    text, values = _call_of_any_age(read)
    if read.min_revision is None:
        return text, values
    # coalesce evaluates what comes second only where the first is null. Changes prove that their `since` is reached.
    is_proof = read.since is not None and read.since >= read.min_revision
    both = f"coalesce({text}, {NOT_REACHED})" if is_proof else f"coalesce({NOT_REACHED}, {text})"
    return both, values | {"min_revision": read.min_revision}


def _call_of_any_age(read: Read) -> tuple[str, dict[str, Value]]:
    # The hex form of an id takes a quarter of the time of the usual one, and PostgreSQL reads both.
    values: dict[str, Value] = {"user_id": read.user_id.hex, "known_revision": read.known_revision}
    if read.page is not None:
        return LIST_PAGE, values | _page_values(read.page)
    if read.since is not None:
        return READ_CHANGES, values | {"since": read.since}
    if read.task_id is None:
        return READ_TASKS, values
    return READ_TASK, values | {"task_id": read.task_id.hex}


def _page_values(page: Page) -> dict[str, Value]:
    after = page.after
    return {
        "order": page.order,
        "limit": page.limit,
        "is_completed": page.is_completed,
        "created_after": _text(page.created_after),
        "created_before": _text(page.created_before),
        "q": page.q,
        "after_key": None if after is None else after.key,
        "after_id": None if after is None else str(after.id),
    }


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()

"""The reader's SQL: every query is one round trip, carries the user_id, and lets PostgreSQL build the JSON.

`set local` tells the row-level security policies who asks; it ends with the implicit transaction of the string.
"""

from collections.abc import Sequence

from common.contracts import Read
from common.database import Connection, first_rows

LIST_TASKS = """
set local app.user_id = %(user_id)s;
select coalesce(json_agg(task), '[]')
from (
  select id, title, description, is_completed, created_at, user_id
  from tasks
  where user_id = %(user_id)s
  order by created_at desc, id desc
) as task;
"""

FIND_TASK = """
set local app.user_id = %(user_id)s;
select row_to_json(task)
from (
  select id, title, description, is_completed, created_at, user_id
  from tasks
  where id = %(task_id)s and user_id = %(user_id)s
) as task;
"""


async def answer_reads(db: Connection, reads: Sequence[Read]) -> list[bytes | None]:
    """The answer to each read, in order, in one round trip: a JSON array of tasks, newest first, or one task as JSON,
    or None where the user has no such task.

    A list uses idx_task_user_created, and its cost grows with the number of tasks: PostgreSQL builds the whole array,
    and it is held here once. One task uses tasks_pkey.
    """
    rows = await first_rows(db, (_statement(read) for read in reads))
    return [row[0] if row else None for row in rows]


def _statement(read: Read) -> tuple[str, dict[str, str]]:
    """Ids are text: `set local` takes a plain literal."""
    if read.task_id is None:
        return LIST_TASKS, {"user_id": str(read.user_id)}
    return FIND_TASK, {"user_id": str(read.user_id), "task_id": str(read.task_id)}

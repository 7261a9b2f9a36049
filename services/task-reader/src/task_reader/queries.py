"""The reader's SQL: calls of functions from the migrations, which filter by user_id and let PostgreSQL build the JSON.

Each function sets app.user_id for row-level security, until the end of the transaction; PostgreSQL plans its query once
per connection. See ADR 9.
"""

from collections.abc import Sequence

from common.contracts.reads import Read
from common.postgres.database import Connection, call

LIST_TASKS = "list_tasks(%(user_id)s)"
FIND_TASK = "find_task(%(user_id)s, %(task_id)s)"


async def answer_reads(db: Connection, reads: Sequence[Read]) -> list[memoryview | None]:
    """The answer to each read, in order, in one round trip: a JSON array of tasks, newest first, or one task as JSON,
    or None when the user has no such task.

    A list uses idx_task_user_created, and its cost is linear in the number of tasks: PostgreSQL builds the whole array,
    which is held in memory once. A single task uses tasks_pkey.
    """
    return list(await call(db, (_call(read) for read in reads)))


def _call(read: Read) -> tuple[str, dict[str, str]]:
    if read.task_id is None:
        return LIST_TASKS, {"user_id": str(read.user_id)}
    return FIND_TASK, {"user_id": str(read.user_id), "task_id": str(read.task_id)}

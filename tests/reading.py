"""Reads through the task-reader's SQL."""

from uuid import UUID

from common.contracts.reads import Read
from common.postgres.database import Database
from task_reader.queries import answer_reads


async def read_list(reader: Database, user_id: UUID) -> bytes:
    (tasks,) = await reader.run(lambda db: answer_reads(db, [Read(user_id=user_id)]))
    assert tasks is not None
    return bytes(tasks)


async def read_one(reader: Database, user_id: UUID, task_id: UUID) -> bytes | None:
    (task,) = await reader.run(lambda db: answer_reads(db, [Read(user_id=user_id, task_id=task_id)]))
    return None if task is None else bytes(task)

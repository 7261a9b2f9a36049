"""Reads through the task-reader's SQL."""

from uuid import UUID

from common.contracts.reads import Read
from common.contracts.revised import split
from common.postgres.database import Database
from task_reader.queries import answer_reads


async def read_list(reader: Database, user_id: UUID) -> bytes:
    (answer,) = await reader.run(lambda db: answer_reads(db, [Read(user_id=user_id)]))
    assert answer is not None
    return body_of(answer)


async def read_one(reader: Database, user_id: UUID, task_id: UUID) -> bytes | None:
    (answer,) = await reader.run(lambda db: answer_reads(db, [Read(user_id=user_id, task_id=task_id)]))
    return None if answer is None else body_of(answer)


def body_of(answer: bytes) -> bytes:
    """The JSON of an answer."""
    body = split(memoryview(answer)).body
    assert body is not None
    return bytes(body)

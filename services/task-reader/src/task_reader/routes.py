"""The reader's API: the gateway's two read paths, and batches of the same reads for the gateway."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from common.contracts import framing, revised
from common.contracts.reads import (
    MAX_READ_BYTES,
    MAX_READS_PER_BATCH,
    MIN_REVISION_HEADER,
    REPLICA_LATE_HEADER,
    Read,
    ReadBatch,
)
from common.http.lean_route import LeanRoute
from common.http.problem_answers import problem_response
from common.http.problems import MALFORMED_BODY, TASK_NOT_FOUND, UNAVAILABLE, Problem
from common.http.request_body import read_body, read_body_head
from common.http.request_state import state_of
from common.postgres.database import Database
from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError

from task_reader.cached_reads import answer_cached
from task_reader.list_cache import ListCache
from task_reader.queries import answer_reads
from task_reader.replication import Replication

MAX_BATCH_BYTES = MAX_READS_PER_BATCH * MAX_READ_BYTES + 64
"""Size of the largest batch: its reads with commas, and the enclosing object."""


reads = APIRouter(route_class=LeanRoute, include_in_schema=False)


def open_database_of(request: Request) -> Database:
    """The app's database."""
    database: Database = request.app.state.database
    return database


def list_cache_of(request: Request) -> ListCache:
    """The app's cache of lists."""
    cache: ListCache = request.app.state.list_cache
    return cache


def require_fresh_database(request: Request) -> None:
    """Raises a 503 problem while the database is a replica that is too far behind (ADR 28)."""
    replication: Replication = request.app.state.replication
    replication.was_used = True
    if replication.is_late:
        late = {REPLICA_LATE_HEADER: "true"}
        raise Problem(UNAVAILABLE, "The database is too far behind its primary.", headers=late)


_CHECKED = {MIN_REVISION_HEADER: "checked"}  # a reader of the release before ignores min_revision

OpenDatabase = Annotated[Database, Depends(open_database_of)]
Lists = Annotated[ListCache, Depends(list_cache_of)]


@reads.get("/api/{user_id}/tasks")
async def list_tasks(user_id: UUID, database: OpenDatabase, lists: Lists) -> Response:
    """All tasks of the user, newest first."""
    (tasks,) = _bodies(await _answer(database, lists, [Read(user_id=user_id)]))
    return Response(tasks, media_type="application/json")


@reads.get("/api/{user_id}/tasks/{task_id}")
async def find_task(user_id: UUID, task_id: UUID, database: OpenDatabase, lists: Lists) -> Response:
    """One task of the user."""
    (task,) = _bodies(await _answer(database, lists, [Read(user_id=user_id, task_id=task_id)]))
    if task is None:
        raise Problem(TASK_NOT_FOUND, "The user has no task with this id.")
    return Response(task, media_type="application/json")


@reads.post("/reads")
async def read_batch(request: Request, database: OpenDatabase, lists: Lists) -> Response:
    """A batch of reads of any users, in one database round trip."""
    read_body_head(request.scope["headers"]).require_size(MAX_BATCH_BYTES)
    try:
        batch = ReadBatch.model_validate_json(await read_body(request, max_bytes=MAX_BATCH_BYTES))
    except ValidationError:
        raise Problem(MALFORMED_BODY, "The body must be a batch of reads.") from None
    state_of(request.scope).operations = batch.reads
    answers = await _answer(database, lists, batch.reads)
    body = framing.pack(answers if batch.revisions else _bodies(answers))
    checked = _CHECKED if any(read.min_revision is not None for read in batch.reads) else None
    return Response(body, headers=checked, media_type=framing.MEDIA_TYPE)


async def _answer(database: Database, lists: ListCache, reads: Sequence[Read]) -> list[bytes | None]:
    async def ask(asked: Sequence[Read]) -> list[bytes | None]:
        return await database.run(lambda db: answer_reads(db, asked))

    return await answer_cached(reads, ask, lists)


def _bodies(answers: Sequence[bytes | None]) -> list[memoryview | None]:
    """The JSON of the answers, without their revisions; None where there is none."""
    return [
        None if answer is None or revised.not_reached(answer) else revised.split(memoryview(answer)).body
        for answer in answers
    ]


async def answer_unavailable(request: Request, error: Exception) -> Response:
    """503 whenever PostgreSQL is down, overloaded, or cancels a statement."""
    state_of(request.scope).reason = f"the database is not available: {error}"
    return problem_response(Problem(UNAVAILABLE, "The database is not available."))

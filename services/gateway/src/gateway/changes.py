"""What has changed of a user's tasks since a revision, for clients that keep a copy of them (ADR 20).

The first answer has all tasks: it is the list with its revision, and is read as one. Later answers come from the
command log, in a lane of their own.
"""

import re
from typing import Annotated, ClassVar

from common.contracts.revised import Revised
from common.http.problems import CHANGES_GONE, INVALID_PARAMETER, REVISION_UNREACHED, UNAVAILABLE, Problem
from fastapi import APIRouter, Depends, Query, Response
from pydantic import BeforeValidator, Field

from gateway.answers import CHANGES_EXAMPLE, Changes
from gateway.call_context import Lanes, ReadContext
from gateway.entity_tags import MAX_REVISION
from gateway.ids import UserId
from gateway.parameters import Absent, QueryParameters, require_known_parameters
from gateway.problem_responses import reads
from gateway.read_answers import ask, read_response
from gateway.read_lanes import ReadLanes
from gateway.reading import Read, ReadFields
from gateway.task_route import TaskRoute

GONE = (
    "Read all tasks: send the request without since. The changes after this revision are more than 500, or no longer"
    " kept, or it is not a revision of this user."
)
_REVISION = re.compile(r"0|[1-9][0-9]{0,18}")


def read_revision(text: str) -> int:
    """The revision that a client sends, as JSON spells it: 19 digits at most. Raises ValueError for anything else."""
    if not _REVISION.fullmatch(text):
        raise ValueError
    return int(text)


class ChangesQuery(QueryParameters):
    """The parameter of the changes."""

    ALLOWED: ClassVar = {"since": f"the revision of an earlier answer, a whole number from 0 to {MAX_REVISION}"}

    since: Annotated[Annotated[int, Field(ge=0, le=MAX_REVISION)] | Absent, BeforeValidator(read_revision)] = Field(
        None,
        description="The `revision` of an earlier answer; without it, all tasks are answered",
        examples=[CHANGES_EXAMPLE["revision"]],
    )


changes = APIRouter(
    prefix="/api/{user_id}/changes",
    tags=["tasks"],
    route_class=TaskRoute,
    dependencies=[Depends(require_known_parameters)],
)


@changes.get(
    "",
    response_model=Changes,
    responses=reads("What has changed, and the revision reached", CHANGES_EXAMPLE, INVALID_PARAMETER, CHANGES_GONE),
)
async def list_changes(
    user_id: UserId, wanted: Annotated[ChangesQuery, Query()], context: ReadContext, lanes: Lanes
) -> Response:
    """Get what has changed since a revision.

    Put each task of `changed` into your copy in place of the one with its id, take those of `deleted` out, and keep
    `revision` for the next request. Then the copy is what the list was at that revision. After 410 begin anew, without
    `since`.
    """
    if wanted.since is None:
        answer = await ask(lanes.lists, Read(user_id=user_id, task_id=None, **context.fields))
        return read_response(all_changed(answer), context.condition)
    answer = await changes_since(wanted.since, user_id, context.fields, lanes)
    if answer is None:
        raise Problem(CHANGES_GONE, GONE)
    if answer.revision is None or (answer.body is not None and bytes(answer.body[:1]) != b"{"):
        raise not_yet()
    return read_response(answer, context.condition)


async def changes_since(since: int, user_id: str, fields: ReadFields, lanes: ReadLanes) -> Revised | None:
    """The changes, None where they are gone. A replica that has not reached `since` cannot tell which."""
    named = fields.get("min_revision", 0)
    reached: ReadFields = {**fields, "min_revision": max(since, named)}
    try:
        return await ask(lanes.changes, Read(user_id=user_id, task_id=None, since=since, **reached))
    except Problem as problem:
        if problem.kind is REVISION_UNREACHED and since >= named:
            return None
        raise


def all_changed(answer: Revised | None) -> Revised:
    """The answer to a list as changes, all of them new. Copies the tasks once."""
    if answer is None or answer.revision is None:
        raise not_yet()
    if answer.body is None:
        return answer
    parts = (b'{"revision": %d, "changed": ' % answer.revision, answer.body, b', "deleted": []}')
    return Revised(answer.revision, memoryview(b"".join(parts)))


def not_yet() -> Problem:
    """503: a reader of the release before answers all reads of a user with a list."""
    return Problem(UNAVAILABLE, "Changes cannot be read at the moment.")

"""The API: seven path operations on the tasks of one user.

A read goes to the task-reader through a read lane, a write to the task-writers as a command through the command lane.
Both return the JSON written by PostgreSQL, unchanged. Parameters are resolved in declaration order
(common/http/lean_route.py): parameters before the body are checked before the body is read.
"""

import json
from typing import Annotated
from uuid import UUID

from common.contracts.revised import Revised
from common.http.path_operations import merged
from common.http.problems import INVALID_PARAMETER, TASK_NOT_FOUND, Problem
from fastapi import APIRouter, Body, Depends, Query, Request, Response

from gateway.answers import TASK_EXAMPLE, Task
from gateway.bodies import MERGE_PATCH, CompletionBody, PatchBody, ReplacementBody, TaskBody, read_unused_body
from gateway.call_context import CallContext, Commands, Lanes, ReadContext
from gateway.commands import CreateTask, DeleteTask, PatchTask, ReplaceTask, ToggleTask
from gateway.ids import TaskId, UserId
from gateway.list_query import ListQuery
from gateway.new_ids import new_id
from gateway.outcomes import no_content, task_response
from gateway.pages import page_response
from gateway.parameters import require_known_parameters
from gateway.problem_responses import (
    ACCEPT_PATCH,
    BODY_PROBLEMS,
    CONTENT_LOCATION,
    LINK,
    LOCATION,
    UNUSED_BODY_PROBLEMS,
    reads,
    writes,
)
from gateway.read_answers import ask, not_modified, read_response
from gateway.read_lanes import ReadLane
from gateway.reading import Read
from gateway.task_route import TaskRoute

MergePatch = Annotated[PatchBody, Body(media_type=MERGE_PATCH)]
UnusedBody = Annotated[None, Depends(read_unused_body)]

FLIP = CompletionBody()

CHANGED = writes(200, "The task as it is now", *BODY_PROBLEMS, TASK_NOT_FOUND, headers=CONTENT_LOCATION)

tasks = APIRouter(
    prefix="/api/{user_id}/tasks",
    tags=["tasks"],
    route_class=TaskRoute,
    dependencies=[Depends(require_known_parameters)],
)


@tasks.get(
    "",
    response_model=list[Task],
    responses=reads("The tasks, or a page of them", [TASK_EXAMPLE], INVALID_PARAMETER, headers=LINK),
)
async def list_tasks(
    request: Request, user_id: UserId, wanted: Annotated[ListQuery, Query()], context: ReadContext, lanes: Lanes
) -> Response:
    """List tasks, newest first.

    Without query parameters all tasks are answered. With any of them, the tasks that match are answered page by page:
    follow the `Link` to the next page until there is none. A page may have fewer tasks than `limit`, even none, and
    still a next one.
    """
    if not wanted.model_fields_set:
        answer = await _answer(lanes.lists, Read(user_id=user_id, task_id=None, **context.fields))
        return read_response(answer, context.condition)
    owner = UUID(user_id)
    page = wanted.page_of(owner)
    answer = await _answer(lanes.lane_of(page), Read(user_id=user_id, task_id=None, page=page, **context.fields))
    return not_modified(answer, context.condition) or page_response(request, owner, page, answer)


@tasks.post(
    "",
    status_code=201,
    response_model=Task,
    responses=writes(201, "The new task", *BODY_PROBLEMS, headers=LOCATION),
)
async def create_task(user_id: UserId, context: CallContext, body: TaskBody, commands: Commands) -> Response:
    """Create a task.

    Answers once the task is committed. With an Idempotency-Key, a repeated request does not create a second task.
    """
    envelope = context.envelope()
    # A new command id also serves as the task id: generating a UUID costs as much as validating a body.
    task_id = new_id() if context.key is not None else envelope["command_id"]

    outcome = await commands.call(CreateTask(type="create_task", **envelope, task_id=task_id, **body.task_fields()))

    # A replayed outcome belongs to an earlier request with another task id.
    made = json.loads(outcome.task)["id"] if outcome.replayed and outcome.task is not None else task_id
    return task_response(outcome, 201, {"Location": f"/api/{user_id}/tasks/{made}"})


@tasks.get("/{task_id}", response_model=Task, responses=reads("The task", TASK_EXAMPLE, TASK_NOT_FOUND))
async def find_task(user_id: UserId, task_id: TaskId, context: ReadContext, lanes: Lanes) -> Response:
    """Get one task."""
    answer = await _answer(lanes.finds, Read(user_id=user_id, task_id=task_id, **context.fields))
    return read_response(answer, context.condition)


@tasks.put("/{task_id}", response_model=Task, responses=CHANGED)
async def replace_task(
    user_id: UserId, task_id: TaskId, context: CallContext, body: ReplacementBody, commands: Commands
) -> Response:
    """Replace a task.

    Missing fields get their defaults; id, owner and creation time stay. The body may be a whole task as returned by the
    API, changed or not.
    """
    command = ReplaceTask(type="replace_task", **context.envelope(), task_id=task_id, **body.task_fields())
    return task_response(await commands.call(command), 200, _at(user_id, task_id))


@tasks.patch(
    "/{task_id}",
    response_model=Task,
    responses=merged(
        writes(200, "The task as it is now", *BODY_PROBLEMS, TASK_NOT_FOUND, headers=CONTENT_LOCATION), ACCEPT_PATCH
    ),
)
async def patch_task(
    user_id: UserId, task_id: TaskId, context: CallContext, body: MergePatch, commands: Commands
) -> Response:
    """Change some fields of a task.

    The body is a JSON merge patch (RFC 7396): the fields in it are set, the others stay, and null clears the
    description. A patch that changes nothing is answered like any other.
    """
    command = PatchTask(type="patch_task", **context.envelope(), task_id=task_id, changes=body.changes())
    return task_response(await commands.call(command), 200, _at(user_id, task_id))


@tasks.delete(
    "/{task_id}",
    status_code=204,
    responses=writes(204, "The task is deleted", *UNUSED_BODY_PROBLEMS, TASK_NOT_FOUND),
)
async def delete_task(
    user_id: UserId, task_id: TaskId, context: CallContext, body: UnusedBody, commands: Commands
) -> Response:
    """Delete a task."""
    command = DeleteTask(type="delete_task", **context.envelope(), task_id=task_id)
    return no_content(await commands.call(command))


@tasks.patch(
    "/{task_id}/complete",
    response_model=Task,
    responses=merged(
        writes(200, "The task as it is now", *BODY_PROBLEMS, TASK_NOT_FOUND, headers=CONTENT_LOCATION), ACCEPT_PATCH
    ),
)
async def toggle_task(
    user_id: UserId, task_id: TaskId, context: CallContext, commands: Commands, body: CompletionBody = FLIP
) -> Response:
    """Flip a task's completion, or set it.

    Without a body, or with an empty object, a completed task becomes open again and an open one completed.
    """
    command = ToggleTask(type="toggle_task", **context.envelope(), task_id=task_id, is_completed=body.wanted())
    return task_response(await commands.call(command), 200, _at(user_id, task_id))


def _at(user_id: str, task_id: str) -> dict[str, str]:
    """Says that the answer to a write shows the task, so that its entity tag is the task's (RFC 9110, section 8.7)."""
    return {"Content-Location": f"/api/{user_id}/tasks/{task_id}"}


async def _answer(lane: ReadLane, read: Read) -> Revised:
    """The reader's answer. Raises a 503 problem when the reader is not available, and 404 without a task."""
    answer = await ask(lane, read)
    if answer is None:
        raise Problem(TASK_NOT_FOUND, "The user has no task with this id.")
    return answer

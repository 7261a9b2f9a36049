"""The two reads: check the ids, ask the task-reader by a lane, pass its bytes on."""

from uuid import UUID

from common.contracts import Read
from common.paths import path_uuid
from common.problems import TASK_NOT_FOUND, UNAVAILABLE, Problem
from starlette.requests import Request
from starlette.responses import Response

from gateway.parameters import require_known_parameters
from gateway.read_lanes import ReadLane, ReadLanes, TooManyReads
from gateway.reader_link import Answer, ReaderUnavailable


async def list_tasks(request: Request) -> Response:
    """All tasks of the user, newest first."""
    lanes: ReadLanes = request.app.state.reads
    user_id = path_uuid(request, "user_id")
    require_known_parameters(request)
    read = Read(user_id=UUID(user_id), **_names(request))
    return Response(await _answer(lanes.lists, read), media_type="application/json")


async def find_task(request: Request) -> Response:
    """One task of the user."""
    lanes: ReadLanes = request.app.state.reads
    user_id, task_id = path_uuid(request, "user_id"), path_uuid(request, "task_id")
    require_known_parameters(request)
    read = Read(user_id=UUID(user_id), task_id=UUID(task_id), **_names(request))
    task = await _answer(lanes.finds, read)
    if task is None:
        raise Problem(TASK_NOT_FOUND, "The user has no task with this id.")
    return Response(task, media_type="application/json")


def _names(request: Request) -> dict[str, str | None]:
    return {"request_id": request.scope["request_id"], "traceparent": request.scope["traceparent"]}


async def _answer(lane: ReadLane, read: Read) -> Answer:
    """The reader's JSON; a 503 problem when there is none."""
    try:
        return await lane.call(read)
    except ReaderUnavailable as error:
        raise Problem(UNAVAILABLE, "Tasks cannot be read now.") from error
    except TooManyReads as error:
        raise Problem(UNAVAILABLE, "Too many reads are waiting.") from error

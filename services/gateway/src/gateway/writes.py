"""The four writes: check the request, send a command, turn its outcome into the answer."""

import json
import time
from typing import Any
from uuid import UUID, uuid4

from common.contracts import CreateTask, DeleteTask, Outcome, ReplaceTask, ToggleTask
from common.paths import path_uuid
from common.problems import KEY_REUSED, NOT_DONE, OUTCOME_UNKNOWN, TASK_NOT_FOUND, Problem
from starlette.requests import Request
from starlette.responses import Response

from gateway.bodies import CompletionBody, ReplacementBody, TaskBody, read_json, read_optional_json
from gateway.command_lane import CommandLane
from gateway.idempotency import REPLAYED_HEADER, derive_command_id, read_key
from gateway.metrics import WRITES_FAILED
from gateway.parameters import require_known_parameters
from gateway.preconditions import require_preconditions
from gateway.settings import GatewaySettings


async def create_task(request: Request) -> Response:
    """Creates a task and answers with it."""
    user_id = path_uuid(request, "user_id")
    key = _read_head(request)
    body = await read_json(request, TaskBody, timeout_s=_settings(request).body_timeout_s)
    envelope = _envelope(request, user_id, key)
    # An id that was drawn for this command alone serves the task too: to draw one costs as much as to check a body.
    task_id = uuid4() if envelope["keyed"] else envelope["command_id"]

    outcome = await _lane(request).call(CreateTask(**envelope, task_id=task_id, **vars(body)))

    # A replayed outcome is of a request that chose another id.
    made = json.loads(outcome.task)["id"] if outcome.replayed and outcome.task is not None else task_id
    return _task_response(outcome, 201, {"Location": f"/api/{user_id}/tasks/{made}"})


async def replace_task(request: Request) -> Response:
    """Replaces title, description and completion of a task; what the body leaves out gets its default."""
    user_id, task_id = path_uuid(request, "user_id"), path_uuid(request, "task_id")
    key, ids = _read_head(request), {"user_id": user_id, "id": task_id}
    body = await read_json(request, ReplacementBody, timeout_s=_settings(request).body_timeout_s, ids=ids)
    wanted = {"title": body.title, "description": body.description, "is_completed": body.is_completed}

    outcome = await _lane(request).call(
        ReplaceTask(**_envelope(request, user_id, key), task_id=UUID(task_id), **wanted),
    )

    return _task_response(outcome, 200)


async def toggle_task(request: Request) -> Response:
    """Flips a task's completion, or sets it to what the body says."""
    user_id, task_id = path_uuid(request, "user_id"), path_uuid(request, "task_id")
    key = _read_head(request)
    body = await read_optional_json(request, CompletionBody, timeout_s=_settings(request).body_timeout_s)
    wanted = body.is_completed if body is not None and "is_completed" in body.model_fields_set else None

    outcome = await _lane(request).call(
        ToggleTask(**_envelope(request, user_id, key), task_id=UUID(task_id), is_completed=wanted),
    )

    return _task_response(outcome, 200)


async def delete_task(request: Request) -> Response:
    """Deletes a task."""
    user_id, task_id = path_uuid(request, "user_id"), path_uuid(request, "task_id")
    key = _read_head(request)
    require_preconditions(request)

    outcome = await _lane(request).call(DeleteTask(**_envelope(request, user_id, key), task_id=UUID(task_id)))

    _require_done(outcome)
    return Response(status_code=204, headers=_replay_headers(outcome))


def _lane(request: Request) -> CommandLane:
    lane: CommandLane = request.app.state.commands
    return lane


def _settings(request: Request) -> GatewaySettings:
    settings: GatewaySettings = request.app.state.settings
    return settings


def _read_head(request: Request) -> str | None:
    """The Idempotency-Key. Raises a 400 problem for a bad one, or for a query.

    It is called before the body is read: what the head is enough to refuse for is answered before a client that asks
    for `100 Continue` is told to send its body.
    """
    require_known_parameters(request)
    return read_key(request)


def _envelope(request: Request, user_id: str, key: str | None) -> dict[str, Any]:
    """What every command carries beside its own fields."""
    owner = UUID(user_id)
    deadline_unix_s = time.time() + _settings(request).write_deadline_s
    return {
        "command_id": uuid4() if key is None else derive_command_id(owner, key),
        "user_id": owner,
        "deadline_unix_ms": int(deadline_unix_s * 1000),
        "keyed": key is not None,
        "request_id": request.scope["request_id"],
        "traceparent": request.scope["traceparent"],
    }


def _task_response(outcome: Outcome, status: int, headers: dict[str, str] | None = None) -> Response:
    _require_done(outcome)
    return Response(outcome.task, status, (headers or {}) | _replay_headers(outcome), "application/json")


def _replay_headers(outcome: Outcome) -> dict[str, str]:
    return {REPLAYED_HEADER: "true"} if outcome.replayed else {}


def _require_done(outcome: Outcome) -> None:
    """Raises a problem unless the command was carried out on a task that exists."""
    if outcome.status == "done":
        return
    if outcome.status != "not_found":
        WRITES_FAILED.labels(outcome.status).inc()
    match outcome.status:
        case "not_found":
            raise Problem(TASK_NOT_FOUND, "The user has no task with this id.", headers=_replay_headers(outcome))
        case "key_reused":
            raise Problem(KEY_REUSED, outcome.reason or "Another request needs another key.")
        case "refused" | "expired":
            raise Problem(NOT_DONE, outcome.reason or "The write was not carried out.")
        case "unknown":
            raise Problem(OUTCOME_UNKNOWN, outcome.reason or "There was no answer to the write.")

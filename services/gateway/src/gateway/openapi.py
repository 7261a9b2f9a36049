"""The gateway's OpenAPI document, built from the models and problem types that the code itself uses.

The routes are plain ones, so that a request does not pay for parameters that FastAPI would resolve; this page is what
FastAPI would otherwise derive from them. A test compares it with the routes and with real answers.
"""

from functools import cache
from typing import Any

from common import problems
from common.problems import ProblemType
from common.request_ids import HEADER as REQUEST_ID_HEADER
from common.request_ids import MAX_CHARACTERS as MAX_REQUEST_ID_CHARACTERS
from pydantic.json_schema import models_json_schema

from gateway.answers import ProblemDetails, Task
from gateway.bodies import CompletionBody, ReplacementBody, TaskBody
from gateway.idempotency import KEY_HEADER, MAX_KEY_CHARACTERS, REPLAYED_HEADER

NO_SUCH_TASK = (problems.TASK_NOT_FOUND,)
READ_ERRORS = (problems.INVALID_ID, problems.UNKNOWN_PARAMETER, problems.UNAVAILABLE)
WRITE_ERRORS = (
    problems.INVALID_ID,
    problems.UNKNOWN_PARAMETER,
    problems.INVALID_KEY,
    problems.PRECONDITION_FAILED,
    problems.KEY_REUSED,
    problems.NOT_DONE,
    problems.OUTCOME_UNKNOWN,
)
BODY_ERRORS = (
    problems.MALFORMED_BODY,
    problems.SLOW_BODY,
    problems.BODY_TOO_LARGE,
    problems.NOT_JSON,
    problems.UNSUPPORTED_CODING,
    problems.INVALID_TASK,
)

RATE_ERRORS = (problems.TOO_MANY_REQUESTS,)
TOKEN_ERRORS = (problems.NO_TOKEN, problems.INVALID_TOKEN, problems.TOKENS_UNVERIFIABLE, *NO_SUCH_TASK)

type Json = dict[str, Any]

RETRY_AFTER: Json = {"description": "Seconds to wait", "schema": {"type": "integer"}}
ERROR_HEADERS: dict[int, Json] = {
    problems.NO_TOKEN.status: {
        "WWW-Authenticate": {"description": "Bearer, and what is wrong (RFC 6750)", "schema": {"type": "string"}}
    },
    problems.NOT_JSON.status: {
        "Accept": {"description": "The media type that is taken", "schema": {"type": "string"}},
        "Accept-Encoding": {"description": "The content coding that is taken", "schema": {"type": "string"}},
    },
    problems.TOO_MANY_REQUESTS.status: {
        "Retry-After": RETRY_AFTER,
        "RateLimit-Policy": {"description": "What may be sent: quota and window of each", "schema": {"type": "string"}},
        "RateLimit": {"description": "What is left of it, and when all is back", "schema": {"type": "string"}},
    },
    problems.NOT_DONE.status: {"Retry-After": RETRY_AFTER},
}
"""What every error of such a status says in its headers."""

KEY_PARAMETER: Json = {
    "name": KEY_HEADER,
    "in": "header",
    "required": False,
    "description": (
        f"Your name for this request, such as a fresh UUID: 1 to {MAX_KEY_CHARACTERS} visible ASCII characters, in "
        "quotation marks or without. Sent again by the same user with the same key, the request is not carried out "
        "again: its recorded answer is replayed, for a day unless the operator has decided otherwise. After a 503 or "
        "504 send the same request with the same key."
    ),
    "schema": {
        "type": "string",
        "pattern": rf'^([!#-~]{{1,{MAX_KEY_CHARACTERS}}}|"([!#-\[\]-~]|\\["\\]){{1,{MAX_KEY_CHARACTERS}}}")$',
    },
    "example": '"8e03978e-40d5-43dd-bc93-6894a57f9324"',
}
REPLAYED: Json = {
    "description": "There when the answer is the recorded one of an earlier request with the same key",
    "schema": {"type": "string", "const": "true"},
}
REQUEST_ID_PARAMETER: Json = {
    "name": REQUEST_ID_HEADER,
    "in": "header",
    "required": False,
    "description": (
        f"Your name for this request in its answer and in the logs: 1 to {MAX_REQUEST_ID_CHARACTERS} visible ASCII "
        "characters. Any other is replaced, and refuses nothing."
    ),
    "schema": {"type": "string"},
    "example": "7d8f2a4100000c2e",
}
REQUEST_ID: Json = {
    "description": "The name of the request: the client's own, or a new one",
    "required": True,
    "schema": {"type": "string", "pattern": f"^[!-~]{{1,{MAX_REQUEST_ID_CHARACTERS}}}$"},
}


@cache
def openapi_document(*, jwt: bool = False, rates: bool = False) -> Json:
    """The OpenAPI 3.1 document of all six endpoints. With `jwt`, they need a bearer token; with `rates`, there are
    limits of requests per second."""
    models = [(model, "validation") for model in (TaskBody, ReplacementBody, CompletionBody, ProblemDetails)]
    _, schemas = models_json_schema([*models, (Task, "serialization")], ref_template="#/components/schemas/{model}")  # type: ignore[list-item]
    document: Json = {
        "openapi": "3.1.0",
        "info": {
            "title": "Taskwire",
            "version": "1.0.0",
            "description": "Tasks of many users. A write answers once it is committed; another user's task is 404.",
        },
        "paths": _paths((TOKEN_ERRORS if jwt else ()) + (RATE_ERRORS if rates else ())),
        "components": {
            "schemas": schemas["$defs"],
            "parameters": {"IdempotencyKey": KEY_PARAMETER, "RequestId": REQUEST_ID_PARAMETER},
            "headers": {"IdempotencyReplayed": REPLAYED, "RequestId": REQUEST_ID},
        },
    }
    if jwt:
        scheme = {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A token of the path's user",
        }
        document["components"]["securitySchemes"] = {"bearer": scheme}
        document["security"] = [{"bearer": []}]
    return document


def _paths(guard_errors: tuple[ProblemType, ...]) -> Json:
    """Every operation may answer with `guard_errors` too."""
    reads, writes = READ_ERRORS + guard_errors, WRITE_ERRORS + guard_errors
    user, task = _id_parameter("user_id", "The user whose tasks these are"), _id_parameter("task_id", "The task")
    request_id = {"$ref": "#/components/parameters/RequestId"}
    collection = {
        "parameters": [user, request_id],
        "get": _operation("list_tasks", "List all tasks, newest first", _tasks(), reads),
        "post": _write("create_task", "Create a task", _created(), writes + BODY_ERRORS, _body("TaskBody")),
    }
    replace_errors = writes + NO_SUCH_TASK + BODY_ERRORS
    item = {
        "parameters": [user, task, request_id],
        "get": _operation("find_task", "Get one task", _task(), reads + NO_SUCH_TASK),
        "put": _write("replace_task", "Replace a task", _task(), replace_errors, _body("ReplacementBody")),
        "delete": _write("delete_task", "Delete a task", _deleted(), writes + NO_SUCH_TASK),
    }
    completion = _body("CompletionBody", required=False)
    complete = {
        "parameters": [user, task, request_id],
        "patch": _write("toggle_task", "Flip or set a task's completion", _task(), replace_errors, completion),
    }
    return {
        "/api/{user_id}/tasks": collection,
        "/api/{user_id}/tasks/{task_id}": item,
        "/api/{user_id}/tasks/{task_id}/complete": complete,
    }


def _operation(
    name: str, summary: str, success: Json, errors: tuple[ProblemType, ...], body: Json | None = None
) -> Json:
    operation: Json = {"operationId": name, "summary": summary, "tags": ["tasks"]}
    if body is not None:
        operation["requestBody"] = body
    responses = success | _error_responses(errors)
    for response in responses.values():
        response.setdefault("headers", {})[REQUEST_ID_HEADER] = {"$ref": "#/components/headers/RequestId"}
    return operation | {"responses": responses}


def _write(name: str, summary: str, success: Json, errors: tuple[ProblemType, ...], body: Json | None = None) -> Json:
    """An operation that takes a key, and whose recorded answers, 2xx and 404, may be replayed."""
    operation = _operation(name, summary, success, errors, body)
    for status, response in operation["responses"].items():
        if status.startswith("2") or status == str(int(problems.TASK_NOT_FOUND.status)):
            response.setdefault("headers", {})[REPLAYED_HEADER] = {"$ref": "#/components/headers/IdempotencyReplayed"}
    return operation | {"parameters": [{"$ref": "#/components/parameters/IdempotencyKey"}]}


def _error_responses(errors: tuple[ProblemType, ...]) -> Json:
    """One response per status; kinds that share a status share its description."""
    content = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    responses: Json = {}
    for kind in sorted(dict.fromkeys(errors), key=lambda kind: kind.status):
        response = responses.setdefault(str(int(kind.status)), {"description": "", "content": content})
        response["description"] = "; ".join(filter(None, [response["description"], f"{kind.title} (`{kind.uri}`)"]))
        if kind.status in ERROR_HEADERS:
            response["headers"] = dict(ERROR_HEADERS[kind.status])
    return responses


def _tasks() -> Json:
    schema = {"type": "array", "items": {"$ref": "#/components/schemas/Task"}}
    return {"200": {"description": "All tasks of the user", "content": {"application/json": {"schema": schema}}}}


def _task(status: str = "200", description: str = "The task") -> Json:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Task"}}}
    return {status: {"description": description, "content": content}}


def _created() -> Json:
    created = _task("201", "The new task")
    created["201"]["headers"] = {"Location": {"description": "Path of the task", "schema": {"type": "string"}}}
    return created


def _deleted() -> Json:
    return {"204": {"description": "The task is deleted"}}


def _body(schema: str, *, required: bool = True) -> Json:
    return {
        "required": required,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }


def _id_parameter(name: str, description: str) -> Json:
    schema = {"type": "string", "format": "uuid"}
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}

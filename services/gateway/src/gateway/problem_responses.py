"""Documented responses of the path operations, for FastAPI's `responses`."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from common.http import problems as kinds
from common.http.lean_route import Responses
from common.http.path_operations import merged
from common.http.problems import MEDIA_TYPE, ProblemType

from gateway.answers import TASK_EXAMPLE
from gateway.entity_tags import entity_tag
from gateway.idempotency import REPLAYED_HEADER
from gateway.min_revision import REVISION_HEADER

type Json = dict[str, Any]

READ_PROBLEMS = (
    kinds.INVALID_ID,
    kinds.UNKNOWN_PARAMETER,
    kinds.INVALID_PRECONDITION,
    kinds.INVALID_MIN_REVISION,
    kinds.PRECONDITION_FAILED,
    kinds.REVISION_UNREACHED,
    kinds.UNAVAILABLE,
)
WRITE_PROBLEMS = (
    kinds.INVALID_ID,
    kinds.UNKNOWN_PARAMETER,
    kinds.INVALID_KEY,
    kinds.INVALID_PRECONDITION,
    kinds.PRECONDITION_FAILED,
    kinds.KEY_REUSED,
    kinds.NOT_DONE,
    kinds.OUTCOME_UNKNOWN,
)
UNUSED_BODY_PROBLEMS = (kinds.SLOW_BODY, kinds.BODY_TOO_LARGE, kinds.UNSUPPORTED_CODING)
BODY_PROBLEMS = (*UNUSED_BODY_PROBLEMS, kinds.MALFORMED_BODY, kinds.NOT_JSON, kinds.INVALID_TASK)
TOKEN_PROBLEMS = (kinds.NO_TOKEN, kinds.INVALID_TOKEN, kinds.TOKENS_UNVERIFIABLE, kinds.TASK_NOT_FOUND)
RATE_PROBLEMS = (kinds.TOO_MANY_REQUESTS,)

EXAMPLES: Mapping[ProblemType, str] = {
    kinds.INVALID_ID: "user_id must be a UUID such as 7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11.",
    kinds.UNKNOWN_PARAMETER: 'Unknown query parameter "sort". Only names that begin with _ are accepted, and ignored.',
    kinds.INVALID_PARAMETER: 'The query parameter "limit" must be a whole number from 1 to 1000.',
    kinds.INVALID_EVENT_ID: "Send Last-Event-ID once.",
    kinds.TOO_MANY_STREAMS: "The user has 20 event streams here. Close one of them.",
    kinds.OVERLOADED: "Too many event streams are open.",
    kinds.INVALID_KEY: "Send Idempotency-Key once.",
    kinds.INVALID_PRECONDITION: (
        'If-Match must be * or a list of entity tags in quotes, such as "1-1764115200000000".'
    ),
    kinds.INVALID_MIN_REVISION: "Send Min-Revision once.",
    kinds.MALFORMED_BODY: "The body must be a JSON document in UTF-8.",
    kinds.NO_TOKEN: "Send a token in the header Authorization: Bearer <token>.",
    kinds.INVALID_TOKEN: "The token has expired.",
    kinds.TASK_NOT_FOUND: "The user has no task with this id.",
    kinds.CHANGES_GONE: "Read all tasks: send the request without since.",
    kinds.SLOW_BODY: "The body must arrive within 10 seconds.",
    kinds.PRECONDITION_FAILED: (
        'If-Match or If-None-Match failed: the entity tag is "1-1764115200000000". Nothing was done.'
    ),
    kinds.REVISION_UNREACHED: (
        "No change of this user has the revision 1764115200000000: it is not the user's, or the change was lost."
    ),
    kinds.BODY_TOO_LARGE: "The body must not exceed 65536 bytes.",
    kinds.NOT_JSON: "Send the body as JSON, with one header Content-Type: application/json.",
    kinds.UNSUPPORTED_CODING: "Send the body without a Content-Encoding.",
    kinds.INVALID_TASK: "See `errors` for each error in the body.",
    kinds.KEY_REUSED: "Use a new key for a different request.",
    kinds.TOO_MANY_REQUESTS: "The rate limit for this user is 20 requests per second.",
    kinds.UNAVAILABLE: "Tasks cannot be read at the moment.",
    kinds.NOT_DONE: "The message bus is not available.",
    kinds.TOKENS_UNVERIFIABLE: "The issuer's signing keys are not available. Nothing was done.",
    kinds.OUTCOME_UNKNOWN: "There was no answer to the write.",
}
"""An example detail for each kind of problem."""

FAULT: Json = {"pointer": "#/title", "detail": "Text must not be blank"}


def _header(description: str, **schema: Any) -> Json:
    return {"description": description, "schema": {"type": "string"} | schema}


ETAG = {"ETag": _header("Entity tag of the task or list: its revision", examples=[entity_tag(1764115200000000)])}
REVISION = {
    REVISION_HEADER: _header("The user's revision after the write, for `Min-Revision`", examples=["1764115200000000"])
}
RETRY_AFTER = {"Retry-After": _header("Seconds to wait", type="integer")}
ERROR_HEADERS: Mapping[int, Json] = {
    HTTPStatus.PRECONDITION_FAILED: ETAG,
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": _header("Bearer challenge with the error (RFC 6750)")},
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: {
        "Accept": _header("The supported media type"),
        "Accept-Encoding": _header("The supported content coding"),
    },
    HTTPStatus.TOO_MANY_REQUESTS: RETRY_AFTER
    | {
        "RateLimit-Policy": _header("Quota and window of each rate limit"),
        "RateLimit": _header("Remaining requests of each, and seconds until the quota is full"),
    },
    HTTPStatus.SERVICE_UNAVAILABLE: RETRY_AFTER,
}
"""Headers of errors, by status."""

ACCEPT_PATCH: Responses = {415: {"headers": {"Accept-Patch": _header("The supported media type of a PATCH")}}}
LINK = {
    "Link": _header(
        'The next page (RFC 8288, `rel="next"`), as a path with the same parameters; absent on the last page',
        examples=['</api/7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11/tasks?limit=50&cursor=Zm9v>; rel="next"'],
    )
}
LOCATION = {"Location": _header("Path of the task")}
CONTENT_LOCATION = {"Content-Location": _header("Path of the task, which the answer shows")}
REPLAYED_DESCRIPTION: Json = {
    "description": "Present when this is the recorded answer of an earlier request with the same key",
    "schema": {"type": "string", "const": "true"},
}
REPLAYED = {REPLAYED_HEADER: {"$ref": "#/components/headers/IdempotencyReplayed"}}


def problems(*wanted: ProblemType) -> Responses:
    """One response per status, with an example of each kind of problem."""
    responses: Responses = {}
    for kind in sorted(dict.fromkeys(wanted), key=lambda kind: kind.status):
        responses = merged(responses, {int(kind.status): _problem(kind)})
    return responses


def reads(description: str, example: object, *more: ProblemType, headers: Json | None = None) -> Responses:
    """Responses of a read; `example` shows the success."""
    shown = {200: _shown(description, example), 304: {"description": "The client has the current one"}}
    responses: Responses = {status: one | {"headers": ETAG} for status, one in shown.items()}
    return merged(responses, {200: {"headers": headers or {}}}) | problems(*READ_PROBLEMS, *more)


def writes(status: int, description: str, *more: ProblemType, headers: Json | None = None) -> Responses:
    """Responses of a write. Those that may be replayed get the replay header."""
    success = {"description": description} if status == HTTPStatus.NO_CONTENT else _shown(description, TASK_EXAMPLE)
    tag = REVISION if status == HTTPStatus.NO_CONTENT else ETAG
    responses = merged({status: success | {"headers": tag | (headers or {})}}, problems(*WRITE_PROBLEMS, *more))
    recorded = {status, *(int(kind.status) for kind in (kinds.TASK_NOT_FOUND, kinds.PRECONDITION_FAILED))}
    return merged(responses, {one: {"headers": REPLAYED} for one in recorded & responses.keys()})


def batches(description: str, example: object, *more: ProblemType) -> Responses:
    """Responses of a batch. Those of its operations are in its body."""
    of_operations = {kinds.PRECONDITION_FAILED}
    success = {200: _shown(description, example) | {"headers": REVISION | REPLAYED}}
    return success | problems(*(kind for kind in WRITE_PROBLEMS if kind not in of_operations), *more)


def event_streams(example: str, *more: ProblemType) -> Responses:
    """Responses of an event stream."""
    shown = {"schema": {"type": "string"}, "example": example}
    success: Responses = {200: {"description": "Events, as they happen", "content": {"text/event-stream": shown}}}
    return success | problems(kinds.INVALID_ID, kinds.UNKNOWN_PARAMETER, kinds.UNAVAILABLE, *more)


def _shown(description: str, example: object) -> Json:
    return {"description": description, "content": {"application/json": {"example": example}}}


def _problem(kind: ProblemType) -> Json:
    value: Json = {"type": kind.uri, "title": kind.title, "status": int(kind.status), "detail": EXAMPLES[kind]}
    if kind is kinds.INVALID_TASK:
        value["errors"] = [FAULT]
    content = {
        "schema": {"$ref": "#/components/schemas/ProblemDetails"},
        "examples": {kind.slug: {"summary": kind.title, "value": value}},
    }
    response: Json = {"description": f"{kind.title} (`{kind.uri}`)", "content": {MEDIA_TYPE: content}}
    if kind.status in ERROR_HEADERS:
        response["headers"] = ERROR_HEADERS[kind.status]
    return response

"""Every error answer: RFC 9457 problem details, and the only place where an error's HTTP status is decided."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 1


@dataclass(frozen=True)
class ProblemType:
    """A kind of error that clients can tell by its `type`, whatever the wording of its detail."""

    slug: str
    status: HTTPStatus
    title: str

    @property
    def uri(self) -> str:
        return f"urn:taskwire:problem:{self.slug}"


INVALID_ID = ProblemType("invalid-id", HTTPStatus.BAD_REQUEST, "An id in the path is no UUID")
MALFORMED_BODY = ProblemType("malformed-body", HTTPStatus.BAD_REQUEST, "The body is no JSON")
MALFORMED_REQUEST = ProblemType("malformed-request", HTTPStatus.BAD_REQUEST, "The request is no valid HTTP")
UNKNOWN_PARAMETER = ProblemType(
    "unknown-parameter", HTTPStatus.BAD_REQUEST, "The query has a parameter that is not known"
)
INVALID_KEY = ProblemType("invalid-idempotency-key", HTTPStatus.BAD_REQUEST, "The Idempotency-Key is no key")
NO_TOKEN = ProblemType("no-token", HTTPStatus.UNAUTHORIZED, "The request has no bearer token")
INVALID_TOKEN = ProblemType("invalid-token", HTTPStatus.UNAUTHORIZED, "The bearer token is not valid")
SLOW_HEAD = ProblemType("slow-head", HTTPStatus.REQUEST_TIMEOUT, "The head of the request did not arrive in time")
HEAD_TOO_LARGE = ProblemType(
    "head-too-large", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head of the request is too large"
)
TOO_MANY_REQUESTS = ProblemType(
    "too-many-requests", HTTPStatus.TOO_MANY_REQUESTS, "There were too many requests; try again later"
)
OVERLOADED = ProblemType("overloaded", HTTPStatus.SERVICE_UNAVAILABLE, "The server is full; try again later")
ORIGIN_REFUSED = ProblemType("origin-refused", HTTPStatus.BAD_REQUEST, "The origin may not send this request")
TASK_NOT_FOUND = ProblemType("task-not-found", HTTPStatus.NOT_FOUND, "The user has no such task")
SLOW_BODY = ProblemType("slow-body", HTTPStatus.REQUEST_TIMEOUT, "The body did not arrive in time")
BODY_TOO_LARGE = ProblemType("body-too-large", HTTPStatus.CONTENT_TOO_LARGE, "The body is too large")
NOT_JSON = ProblemType("unsupported-media-type", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body's media type is not JSON")
UNSUPPORTED_CODING = ProblemType(
    "unsupported-content-encoding", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body's content coding is not supported"
)
PRECONDITION_FAILED = ProblemType(
    "precondition-failed", HTTPStatus.PRECONDITION_FAILED, "A precondition of the request does not hold"
)
INVALID_TASK = ProblemType("invalid-task", HTTPStatus.UNPROCESSABLE_CONTENT, "The body breaks a rule of its schema")
KEY_REUSED = ProblemType(
    "idempotency-key-reused", HTTPStatus.UNPROCESSABLE_CONTENT, "The Idempotency-Key belongs to another request"
)
NOT_DONE = ProblemType("not-done", HTTPStatus.SERVICE_UNAVAILABLE, "Nothing was done; try again later")
UNAVAILABLE = ProblemType("unavailable", HTTPStatus.SERVICE_UNAVAILABLE, "Reading is not possible now; try again later")
TOKENS_UNVERIFIABLE = ProblemType(
    "tokens-unverifiable", HTTPStatus.SERVICE_UNAVAILABLE, "Tokens cannot be verified now; try again later"
)
OUTCOME_UNKNOWN = ProblemType("outcome-unknown", HTTPStatus.GATEWAY_TIMEOUT, "The write may or may not have been done")
INTERNAL = ProblemType("internal", HTTPStatus.INTERNAL_SERVER_ERROR, "Something is broken on our side")


class Problem(Exception):
    """Ends a request with an error answer.

    `errors` lists faults of a body as {"pointer", "detail"} (RFC 9457, 3.1). `headers` are added to the answer's own.
    """

    def __init__(
        self,
        kind: ProblemType,
        detail: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}


def problem_bytes(kind: ProblemType, detail: str, errors: Sequence[Mapping[str, str]] = ()) -> bytes:
    """The problem as JSON."""
    body: dict[str, object] = {"type": kind.uri, "title": kind.title, "status": int(kind.status), "detail": detail}
    if errors:
        body["errors"] = list(errors)
    return json.dumps(body).encode()


def problem_response(problem: Problem) -> Response:
    """The error answer; a 503 tells the client when to come back."""
    headers = dict(problem.headers)
    if problem.kind.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    body = problem_bytes(problem.kind, problem.detail, problem.errors)
    return Response(body, problem.kind.status, headers, MEDIA_TYPE)


def answer_with_problems(app: FastAPI) -> None:
    """Makes every error of `app` a problem answer: ours, the framework's own, and bugs, which are logged."""
    app.add_exception_handler(Problem, _answer_problem)
    app.add_exception_handler(HTTPException, _answer_framework_error)
    app.add_exception_handler(ClientDisconnect, _answer_nobody)
    app.add_exception_handler(Exception, _answer_bug)


async def _answer_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - registered for this class alone
    request.scope["reason"] = error.detail if error.__cause__ is None else f"{error.detail} {error.__cause__!r}"
    return problem_response(error)


async def _answer_framework_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
    status = HTTPStatus(error.status_code)
    kind = ProblemType(status.phrase.lower().replace(" ", "-"), status, status.phrase)
    response = problem_response(Problem(kind, status.description or status.phrase))
    response.headers.update(error.headers or {})
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = ", ".join(allowed_methods(request))
    return response


async def _answer_nobody(_: Request, __: Exception) -> Response:
    """The client went away before its request was complete: nothing was done, and nobody reads the answer."""
    return problem_response(Problem(MALFORMED_REQUEST, "The connection closed before the body was complete."))


async def _answer_bug(request: Request, error: Exception) -> Response:
    fields = {"request_id": request.scope.get("request_id")}
    log.error("bug while answering %s", request.method, exc_info=error, extra={"fields": fields})
    return problem_response(Problem(INTERNAL, "The error is logged; nothing that you sent caused it."))


def allowed_methods(request: Request) -> list[str]:
    """The methods that the path answers to, over all of its routes: Starlette names only those of the first."""
    matching = (route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE)
    return sorted({method for route in matching for method in getattr(route, "methods", None) or ()})

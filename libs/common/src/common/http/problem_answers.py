"""Makes every error of an app a problem response: our problems, the framework's errors, and bugs."""

import logging
from collections.abc import Collection
from http import HTTPStatus

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from common.http.problems import (
    INTERNAL,
    MALFORMED_REQUEST,
    MEDIA_TYPE,
    RETRY_AFTER_S,
    Problem,
    ProblemType,
    problem_bytes,
)
from common.http.request_state import state_of

log = logging.getLogger(__name__)


def problem_response(problem: Problem) -> Response:
    """The error response; a 503 has a Retry-After."""
    headers = dict(problem.headers)
    if problem.kind.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    body = problem_bytes(problem.kind, problem.detail, problem.errors)
    return Response(body, problem.kind.status, headers, MEDIA_TYPE)


def answer_with_problems(app: FastAPI) -> None:
    """Makes every error of `app` a problem response. Bugs are logged."""
    app.add_exception_handler(Problem, _answer_problem)
    app.add_exception_handler(HTTPException, _answer_framework_error)
    app.add_exception_handler(ClientDisconnect, _answer_disconnected)
    app.add_exception_handler(Exception, _answer_bug)


async def _answer_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - registered for this class only
    state_of(request.scope).reason = error.detail if error.__cause__ is None else f"{error.detail} {error.__cause__!r}"
    return problem_response(error)


async def _answer_framework_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
    status = HTTPStatus(error.status_code)
    if request.method == "OPTIONS" and (status == HTTPStatus.METHOD_NOT_ALLOWED or request.scope["path"] == "*"):
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=_allowed(request))
    kind = ProblemType(status.phrase.lower().replace(" ", "-"), status, status.phrase)
    response = problem_response(Problem(kind, status.description or status.phrase))
    response.headers.update(error.headers or {})
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers.update(_allowed(request))
    return response


async def _answer_disconnected(_: Request, __: Exception) -> Response:
    """The client disconnected before its request was complete: nothing was done, and nobody reads the answer."""
    return problem_response(Problem(MALFORMED_REQUEST, "The connection closed before the body was complete."))


async def _answer_bug(request: Request, error: Exception) -> Response:
    fields = {"request_id": state_of(request.scope).request_id}
    log.error("unhandled exception while answering %s", request.method, exc_info=error, extra={"fields": fields})
    return problem_response(Problem(INTERNAL, "The error has been logged. It was not caused by your request."))


def allowed_methods(request: Request) -> list[str]:
    """The methods of all routes that match the path; Starlette names only those of the first. For the path `*`, the
    methods of all routes."""
    return sorted({"OPTIONS", *(method for route in _matching(request) for method in _methods(route))})


def _allowed(request: Request) -> dict[str, str]:
    """What the path allows: methods, and the media types of a PATCH (RFC 5789, section 3.1)."""
    headers = {"Allow": ", ".join(allowed_methods(request))}
    patches = [getattr(route, "body_media_type", None) for route in _matching(request) if "PATCH" in _methods(route)]
    if accepted := ", ".join(one for one in patches if one is not None and request.scope["path"] != "*"):
        headers["Accept-Patch"] = accepted
    return headers


def _matching(request: Request) -> list[BaseRoute]:
    everywhere = request.scope["path"] == "*"
    return [route for route in request.app.routes if everywhere or route.matches(request.scope)[0] is not Match.NONE]


def _methods(route: BaseRoute) -> Collection[str]:
    return getattr(route, "methods", None) or ()

"""Cross-origin requests, for the origins named in the settings."""

from functools import partial

from common.http import request_ids
from common.http.app import App
from common.http.problem_answers import problem_response
from common.http.problems import ORIGIN_REFUSED, Problem
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from gateway.idempotency import KEY_HEADER, REPLAYED_HEADER
from gateway.rate_limits import LEFT_HEADER, POLICY_HEADER

REQUEST_HEADERS = ("Authorization", "Content-Type", KEY_HEADER, request_ids.HEADER, "traceparent", "tracestate")
"""That pages of the allowed origins may send, beside those that every page may."""

ANSWER_HEADERS = (
    "Location",
    "Retry-After",
    "WWW-Authenticate",
    REPLAYED_HEADER,
    LEFT_HEADER,
    POLICY_HEADER,
    request_ids.HEADER,
)
"""That such pages may read, beside those that every page may."""


def allow_pages(app: App, origins: list[str]) -> None:
    """Lets pages of these origins call the app, and read what it answers, and what the server answers for it."""
    app.add_middleware(
        ProblemCors,
        allow_origins=origins,
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=REQUEST_HEADERS,
        expose_headers=ANSWER_HEADERS,
    )
    app.headers_for_origin = partial(_headers_for_origin, frozenset(origins))


def _headers_for_origin(origins: frozenset[str], origin: str | None) -> dict[str, str]:
    """What Starlette's middleware adds to an answer."""
    told = {"vary": "Origin"}
    if origin is not None:
        told["access-control-expose-headers"] = ", ".join(ANSWER_HEADERS)
        if "*" in origins or origin in origins:
            told["access-control-allow-origin"] = "*" if "*" in origins else origin
    return told


class ProblemCors(CORSMiddleware):
    """Starlette's middleware, whose refusal of a preflight request is a problem answer instead of plain text."""

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code != ORIGIN_REFUSED.status:
            return response
        refusal = problem_response(Problem(ORIGIN_REFUSED, bytes(response.body).decode()))
        for name, value in response.headers.items():
            if name not in refusal.headers:
                refusal.headers[name] = value
        return refusal

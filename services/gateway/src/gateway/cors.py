"""Cross-origin requests, for the origins named in the settings."""

from functools import partial

from common.contracts.reads import MIN_REVISION_HEADER
from common.http import request_ids
from common.http.app import App
from common.http.problem_answers import problem_response
from common.http.problems import ORIGIN_REFUSED, Problem
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from gateway import preconditions
from gateway.events import EVENT_ID_HEADER
from gateway.idempotency import KEY_HEADER, REPLAYED_HEADER
from gateway.min_revision import REVISION_HEADER
from gateway.pages import LINK_HEADER
from gateway.rate_limits import POLICY_HEADER, REMAINING_HEADER

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

REQUEST_HEADERS = (
    "Authorization",
    "Content-Type",
    KEY_HEADER,
    *preconditions.HEADERS,
    MIN_REVISION_HEADER,
    EVENT_ID_HEADER,
    request_ids.HEADER,
    "traceparent",
    "tracestate",
)
"""Request headers that allowed origins may send, beside the CORS-safelisted ones: all that an operation reads."""

ANSWER_HEADERS = (
    LINK_HEADER,
    "Location",
    "Content-Location",
    "ETag",
    REVISION_HEADER,
    "Retry-After",
    "WWW-Authenticate",
    "Accept-Patch",
    REPLAYED_HEADER,
    REMAINING_HEADER,
    POLICY_HEADER,
    request_ids.HEADER,
)
"""Response headers that allowed origins may read, beside the CORS-safelisted ones."""


def enable_cors(app: App, origins: list[str]) -> None:
    """Enables CORS for these origins, for the app's responses and for those of the server itself."""
    app.add_middleware(
        ProblemCors,
        allow_origins=origins,
        allow_methods=METHODS,
        allow_headers=REQUEST_HEADERS,
        expose_headers=ANSWER_HEADERS,
    )
    app.headers_for_origin = partial(_headers_for_origin, frozenset(origins))


def _headers_for_origin(origins: frozenset[str], origin: str | None) -> dict[str, str]:
    """The headers that Starlette's middleware would add."""
    headers = {"vary": "Origin"}
    if origin is not None:
        headers["access-control-expose-headers"] = ", ".join(ANSWER_HEADERS)
        if "*" in origins or origin in origins:
            headers["access-control-allow-origin"] = "*" if "*" in origins else origin
    return headers


class ProblemCors(CORSMiddleware):
    """Starlette's middleware, but a rejected preflight request gets a problem response instead of plain text."""

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code != ORIGIN_REFUSED.status:
            return response
        refusal = problem_response(Problem(ORIGIN_REFUSED, bytes(response.body).decode()))
        for name, value in response.headers.items():
            if name not in refusal.headers:
                refusal.headers[name] = value
        return refusal

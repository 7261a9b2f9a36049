"""All error responses as RFC 9457 problem details; the only module that decides an error's HTTP status."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 1


@dataclass(frozen=True)
class ProblemType:
    """A kind of error. Clients recognise it by its `type`, never by the wording of its detail."""

    slug: str
    status: HTTPStatus
    title: str

    @property
    def uri(self) -> str:
        return f"urn:taskwire:problem:{self.slug}"


INVALID_ID = ProblemType("invalid-id", HTTPStatus.BAD_REQUEST, "The path has an invalid UUID")
MALFORMED_BODY = ProblemType("malformed-body", HTTPStatus.BAD_REQUEST, "The body is not valid JSON")
MALFORMED_REQUEST = ProblemType("malformed-request", HTTPStatus.BAD_REQUEST, "The request is not valid HTTP")
UNKNOWN_PARAMETER = ProblemType("unknown-parameter", HTTPStatus.BAD_REQUEST, "The query has an unknown parameter")
INVALID_PARAMETER = ProblemType("invalid-parameter", HTTPStatus.BAD_REQUEST, "A query parameter has an invalid value")
INVALID_KEY = ProblemType("invalid-idempotency-key", HTTPStatus.BAD_REQUEST, "The Idempotency-Key is not valid")
INVALID_PRECONDITION = ProblemType(
    "invalid-precondition", HTTPStatus.BAD_REQUEST, "A condition of the request is not valid"
)
INVALID_MIN_REVISION = ProblemType("invalid-min-revision", HTTPStatus.BAD_REQUEST, "The Min-Revision is not valid")
INVALID_EVENT_ID = ProblemType("invalid-last-event-id", HTTPStatus.BAD_REQUEST, "The Last-Event-ID is not valid")
VERSION_UNKNOWN = ProblemType(
    "http-version-unknown", HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "The HTTP version is not supported"
)
CODING_UNKNOWN = ProblemType(
    "transfer-coding-unknown", HTTPStatus.NOT_IMPLEMENTED, "The Transfer-Encoding is not supported"
)
NO_TOKEN = ProblemType("no-token", HTTPStatus.UNAUTHORIZED, "The request has no bearer token")
INVALID_TOKEN = ProblemType("invalid-token", HTTPStatus.UNAUTHORIZED, "The bearer token is not valid")
SLOW_HEAD = ProblemType("slow-head", HTTPStatus.REQUEST_TIMEOUT, "The head of the request did not arrive in time")
HEAD_TOO_LARGE = ProblemType(
    "head-too-large", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head of the request is too large"
)
TOO_MANY_REQUESTS = ProblemType("too-many-requests", HTTPStatus.TOO_MANY_REQUESTS, "Too many requests; try again later")
TOO_MANY_STREAMS = ProblemType(
    "too-many-event-streams", HTTPStatus.TOO_MANY_REQUESTS, "The user has too many event streams"
)
OVERLOADED = ProblemType("overloaded", HTTPStatus.SERVICE_UNAVAILABLE, "The server is overloaded; try again later")
ORIGIN_REFUSED = ProblemType("origin-refused", HTTPStatus.BAD_REQUEST, "The origin is not allowed to send this request")
TASK_NOT_FOUND = ProblemType("task-not-found", HTTPStatus.NOT_FOUND, "The user has no such task")
CHANGES_GONE = ProblemType(
    "changes-gone", HTTPStatus.GONE, "The changes since this revision are not available; read all tasks"
)
SLOW_BODY = ProblemType("slow-body", HTTPStatus.REQUEST_TIMEOUT, "The body did not arrive in time")
BODY_TOO_LARGE = ProblemType("body-too-large", HTTPStatus.CONTENT_TOO_LARGE, "The body is too large")
NOT_JSON = ProblemType("unsupported-media-type", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body's media type is not JSON")
UNSUPPORTED_CODING = ProblemType(
    "unsupported-content-encoding", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body's content coding is not supported"
)
PRECONDITION_FAILED = ProblemType(
    "precondition-failed", HTTPStatus.PRECONDITION_FAILED, "A precondition of the request failed"
)
REVISION_UNREACHED = ProblemType(
    "revision-unreached", HTTPStatus.PRECONDITION_FAILED, "The user has not reached this revision"
)
INVALID_TASK = ProblemType("invalid-task", HTTPStatus.UNPROCESSABLE_CONTENT, "The body does not match the schema")
KEY_REUSED = ProblemType(
    "idempotency-key-reused", HTTPStatus.UNPROCESSABLE_CONTENT, "The Idempotency-Key was used for a different request"
)
NOT_DONE = ProblemType("not-done", HTTPStatus.SERVICE_UNAVAILABLE, "Nothing was done; try again later")
UNAVAILABLE = ProblemType(
    "unavailable", HTTPStatus.SERVICE_UNAVAILABLE, "Tasks cannot be read at the moment; try again later"
)
TOKENS_UNVERIFIABLE = ProblemType(
    "tokens-unverifiable", HTTPStatus.SERVICE_UNAVAILABLE, "Tokens cannot be verified at the moment; try again later"
)
OUTCOME_UNKNOWN = ProblemType("outcome-unknown", HTTPStatus.GATEWAY_TIMEOUT, "The write may or may not have been done")
INTERNAL = ProblemType("internal", HTTPStatus.INTERNAL_SERVER_ERROR, "Internal server error")


class Problem(Exception):
    """Ends a request with an error response.

    `errors` lists the errors in a body as {"pointer", "detail"} (RFC 9457, 3.1). `headers` are added to the response.
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

"""The errors of this library. Each kind of problem that the API answers with (RFC 9457) has an exception of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

_URN = "urn:taskwire:problem:"


class TaskwireError(Exception):
    """Whatever this library raises because of the server or the way to it.

    `may_be_done` says whether a write may have taken effect all the same. Its `key` is then the one to repeat it with:
    within 24 hours the same request with the same key does nothing twice. Both are unset for reads.
    """

    may_be_done: bool = False
    key: str | None = None


class NoAnswerError(TaskwireError):
    """The gateway cannot be reached, did not answer in time, or the connection broke, until no time was left."""


class UnexpectedAnswerError(TaskwireError):
    """The answer is not one of this API: is there something else at the address, such as the page of a proxy?"""


@dataclass(frozen=True, slots=True)
class Fault:
    """One error in a body: a JSON pointer (RFC 6901) to the value, and what is wrong with it."""

    pointer: str
    detail: str


class Problem(TaskwireError):
    """An error that the API answered with.

    `type` names its kind, and never changes; `title` and `detail` are for people. `retry_after_s` is when the server
    expects to be asked again, where it says so. `etag` is the current entity tag, with 412.
    """

    def __init__(self, status: int, members: Mapping[str, Any]) -> None:
        self.status = status
        self.type = str(members.get("type", "about:blank"))
        self.title = str(members.get("title") or _phrase(status))
        self.detail = str(members.get("detail") or self.title)
        self.errors: Sequence[Fault] = _faults(members.get("errors"))
        self.retry_after_s: float | None = None
        self.etag: str | None = None
        super().__init__(self.detail)


class InvalidRequest(Problem):
    """400, 405, 413, 415 or 422: the request can never succeed as it is; `errors` point at what is wrong in a body."""


class KeyReused(InvalidRequest):
    """422: the Idempotency-Key was used for another request; nothing was done."""


class NotAuthenticated(Problem):
    """401: no bearer token, or one that is not valid or has expired."""


class NotAllowed(Problem):
    """403: something before the gateway, such as a proxy, refuses the caller. The API itself has 404 for another user's
    path."""


class TaskNotFound(Problem):
    """404: the user has no such task."""


class Conflict(Problem):
    """409 or 412: what the request relies on has changed; nothing was done."""


class PreconditionFailed(Conflict):
    """412: the task has changed since; `etag` is its current tag. Get it again and decide anew."""


class RevisionUnreached(Conflict):
    """412: nobody has the revision that a read asked for."""


class ChangesGone(Problem):
    """410: the changes since this revision cannot be told; read all tasks."""


class TooManyRequests(Problem):
    """429: the user or the address sends too many requests, or the user has too many event streams."""


class Unavailable(Problem):
    """502 or 503: nothing was done, and the same may succeed later."""


class OutcomeUnknown(Unavailable):
    """504: the write may have been done or not."""


class ServerError(Problem):
    """Another 5xx: a bug of the server."""


_BY_TYPE: Mapping[str, type[Problem]] = {
    f"{_URN}task-not-found": TaskNotFound,
    f"{_URN}changes-gone": ChangesGone,
    f"{_URN}revision-unreached": RevisionUnreached,
    f"{_URN}precondition-failed": PreconditionFailed,
    f"{_URN}idempotency-key-reused": KeyReused,
}
_BY_STATUS: Mapping[int, type[Problem]] = {
    401: NotAuthenticated,
    403: NotAllowed,
    408: Unavailable,  # the body came too slowly, and was not used
    409: Conflict,
    412: Conflict,
    429: TooManyRequests,
    502: Unavailable,
    503: Unavailable,
    504: OutcomeUnknown,
}


def problem_of(
    status: int, members: Mapping[str, Any], *, retry_after_s: float | None = None, etag: str | None = None
) -> Problem:
    """The exception for a problem document: by its type, and where that is not known, by its status."""
    fallback = ServerError if status >= HTTPStatus.INTERNAL_SERVER_ERROR else InvalidRequest
    kind = _BY_TYPE.get(str(members.get("type"))) or _BY_STATUS.get(status, fallback)
    problem = kind(status, members)
    problem.retry_after_s, problem.etag = retry_after_s, etag
    return problem


def _faults(errors: object) -> Sequence[Fault]:
    """Those of ours; another server may have other things under this name."""
    known = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    return tuple(Fault(str(error.get("pointer", "")), str(error.get("detail", ""))) for error in known)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"HTTP status {status}"

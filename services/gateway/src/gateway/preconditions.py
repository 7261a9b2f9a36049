"""Preconditions of a write (RFC 9110, section 13).

Tasks have no entity tags and no modification dates yet, so most preconditions cannot be evaluated; such a write is
rejected. Only the headers decide, so a missing task is 412, too.
"""

from email.utils import parsedate_to_datetime

from common.http.problems import PRECONDITION_FAILED, Problem
from starlette.requests import Request

HEADERS = ("If-Match", "If-None-Match", "If-Unmodified-Since")
_FIELDS = frozenset(header.lower().encode() for header in HEADERS)


def require_preconditions(request: Request) -> None:
    """Raises a 412 problem unless every precondition in the request's headers holds or is to be ignored.

    `If-Match: *` is left to the write, which is 404 when the task does not exist. A list of entity tags in
    If-None-Match holds, since no task has any. If-Unmodified-Since counts only as a valid date without If-Match
    (13.1.4).
    """
    given: dict[bytes, bytes] = {}
    for name, value in request.scope["headers"]:
        if name in _FIELDS:
            given[name] = value.strip() if name not in given else given[name] + b", " + value.strip()
    if not given:
        return
    if given.get(b"if-match", b"*") != b"*":
        raise _failed("If-Match", "tasks have no entity tags")
    if given.get(b"if-none-match") == b"*":
        raise _failed("If-None-Match", "the write needs an existing task")
    if b"if-match" not in given and _is_date(given.get(b"if-unmodified-since", b"")):
        raise _failed("If-Unmodified-Since", "tasks have no modification date")


def _is_date(value: bytes) -> bool:
    try:
        parsedate_to_datetime(value.decode("latin-1"))
    except (ValueError, OverflowError):  # the second for a year or an offset beyond all bounds
        return False
    return True


def _failed(header: str, reason: str) -> Problem:
    return Problem(PRECONDITION_FAILED, f"{header} failed: {reason}. Nothing was done.")

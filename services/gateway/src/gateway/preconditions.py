"""Preconditions of a write (RFC 9110, section 13): what somebody asked to protect is not overwritten.

Tasks have no entity tags and no dates of modification yet, so most preconditions cannot be seen to hold; then nothing
is done. They are decided by the head alone, so a task that is not there is 412 as well.
"""

from email.utils import parsedate_to_datetime

from common.http.problems import PRECONDITION_FAILED, Problem
from starlette.requests import Request

_FIELDS = frozenset({b"if-match", b"if-none-match", b"if-unmodified-since"})


def require_preconditions(request: Request) -> None:
    """Raises a 412 problem unless every precondition in the request's head holds, or is one that means nothing here.

    `If-Match: *` leaves it to the write, which is 404 when nothing is there. A list of entity tags in If-None-Match
    holds, since no task has any. If-Unmodified-Since counts only as a date, and only without If-Match (13.1.4).
    """
    given: dict[bytes, bytes] = {}
    for name, value in request.scope["headers"]:
        if name in _FIELDS:
            given[name] = value.strip() if name not in given else given[name] + b", " + value.strip()
    if not given:
        return
    if given.get(b"if-match", b"*") != b"*":
        raise _failed("If-Match", "no task has an entity tag")
    if given.get(b"if-none-match") == b"*":
        raise _failed("If-None-Match", "something is there, or nothing would be done")
    if b"if-match" not in given and _is_date(given.get(b"if-unmodified-since", b"")):
        raise _failed("If-Unmodified-Since", "it is not known when a task was changed last")


def _is_date(value: bytes) -> bool:
    try:
        parsedate_to_datetime(value.decode("latin-1"))
    except ValueError:
        return False
    return True


def _failed(header: str, reason: str) -> Problem:
    return Problem(PRECONDITION_FAILED, f"{header} does not hold: {reason}. Nothing was done.")

"""The form of an answer to a read: the revision in decimal and, unless it is known to who asks, a space and the JSON.

PostgreSQL writes it (services/task-writer/sql); it is passed on as it is. See ADR 19.
"""

from enum import Enum
from typing import NamedTuple

_MAX_DIGITS = 19  # of a bigint


class NotReached(Enum):
    """What is answered in place of a read whose `min_revision` is not reached (ADR 26)."""

    BEHIND = b"behind"
    """By a replica: it may be there later, or on another server."""

    UNREACHED = b"unreached"
    """By the primary: no change of this user has this revision."""


_SIGNS = {sign.value: sign for sign in NotReached}
_MAX_SIGN_BYTES = max(map(len, _SIGNS))


def not_reached(answer: bytes | memoryview) -> NotReached | None:
    """The sign that an answer consists of, if it does."""
    return _SIGNS.get(bytes(answer)) if len(answer) <= _MAX_SIGN_BYTES else None


class Revised(NamedTuple):
    """The JSON of a task or a list, None where the revision is known to who asks; and the revision, None from a
    task-reader of a release without revisions."""

    revision: int | None
    body: memoryview | None


def split(answer: memoryview) -> Revised:
    """The two parts of an answer. Raises ValueError when it begins with neither JSON nor a revision."""
    head = answer[: _MAX_DIGITS + 1].tobytes()
    space = head.find(b" ")
    if (digits := head[:space]).isdigit() and space > 0:
        return Revised(int(digits), answer[space + 1 :])
    if head.startswith((b"{", b"[", b"\n")):  # a page begins with its position, or an empty line
        return Revised(None, answer)
    if not head.isdigit() or len(answer) > _MAX_DIGITS:
        raise ValueError("an answer has no revision")
    return Revised(int(head), None)

"""The form of an answer to a read: the revision in decimal and, unless it is known to who asks, a space and the JSON.

PostgreSQL writes it (services/task-writer/sql); it is passed on as it is. See ADR 19.
"""

from typing import NamedTuple

_MAX_DIGITS = 19  # of a bigint


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

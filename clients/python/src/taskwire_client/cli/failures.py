"""What the command says when something is wrong, and its exit status: one line or few, never a traceback.

| status | means |
|---|---|
| 1 | the server refuses what was asked, or answers with something unexpected |
| 2 | the command was used wrongly, or a file cannot be read |
| 3 | there is no such task |
| 4 | the task has been changed by somebody else |
| 5 | the server cannot be reached, or cannot do it now: try again |
| 6 | the token is missing, not valid, has expired, or is not enough (403) |
"""

from collections.abc import Iterator

from taskwire_client.problems import (
    Conflict,
    InvalidRequest,
    NoAnswerError,
    NotAllowed,
    NotAuthenticated,
    TaskNotFound,
    TaskwireError,
    TooManyRequests,
    Unavailable,
)

REFUSED, WRONG_USE, NO_TASK, CHANGED, TRY_AGAIN, NO_TOKEN = 1, 2, 3, 4, 5, 6
_STATUS: dict[type[TaskwireError], int] = {
    TaskNotFound: NO_TASK,
    Conflict: CHANGED,
    TooManyRequests: TRY_AGAIN,
    Unavailable: TRY_AGAIN,
    NoAnswerError: TRY_AGAIN,
    NotAuthenticated: NO_TOKEN,
    NotAllowed: NO_TOKEN,
}


class Failure(Exception):
    """Ends the command with this message and exit status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def status_of(error: TaskwireError) -> int:
    """The exit status for an error of the library."""
    return next((status for kind, status in _STATUS.items() if isinstance(error, kind)), REFUSED)


def lines_about(error: TaskwireError) -> Iterator[str]:
    """What to say about it."""
    if isinstance(error, InvalidRequest) and error.errors:
        yield from (f"{fault.pointer.removeprefix('#/')}: {fault.detail}" for fault in error.errors)
    else:
        yield str(error)
    if error.may_be_done:
        yield "It may have been done all the same: look before you try again."

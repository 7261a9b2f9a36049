"""What clients were told by event streams, as a history keeps it."""

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One moment of a client's event stream, at the gateway that it was open at.

    `opened` and `refused` are what came of a request for the stream, `changes` and `reset` its events, and `read` is
    the answer to the reading of all tasks that follows a reset.
    """

    client: int
    at_s: float
    kind: Literal["opened", "refused", "changes", "reset", "read"]
    gateway: int
    since: int | None = None  # of opened: the Last-Event-ID that was sent
    data: Any = None  # of an event or a read; of refused the status

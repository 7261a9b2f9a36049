"""Limits of one process for its clients."""

from dataclasses import dataclass

REJECT_WITHIN_S = 1.0
"""How long a connection over the limit may take to send its first bytes; then it gets a 503, else nothing."""

LINGERING_CLOSE_S = 1.0
"""How long a client may keep sending on a connection that is being closed: an immediate close would send a reset, which
may overtake the response."""

HELD_BYTES = 20 * 1024
"""How large an answer may be that waits for the end of its turn of the event loop, to be written with others."""

HELD_FROM_REQUESTS = 5
"""How many requests have to be in progress for that. With fewer, hardly two are answered in one turn; a task-reader has
as many batches of a gateway."""

READ_AHEAD_BYTES = 64 * 1024
"""How much is buffered per connection before reading pauses."""

DISCARDED_BYTES = 256 * 1024
"""How much of an unwanted body is read so that the connection can be kept; beyond that it is closed."""


KEEP_ALIVE_S = 75.0
"""How long an idle connection is kept: longer than load balancers keep theirs (usually 60 s), so that they close it
first and no request meets a closing connection."""


@dataclass(frozen=True)
class HttpLimits:
    """Limits that come from a service's settings."""

    head_bytes: int = 32 * 1024
    head_timeout_s: float = 10.0
    body_timeout_s: float = 10.0
    answer_timeout_s: float = 30.0
    keep_alive_s: float = KEEP_ALIVE_S
    connections: int = 10_000
    requests: int = 5_000

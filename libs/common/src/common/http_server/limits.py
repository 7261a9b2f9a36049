"""What one process grants to its clients."""

from dataclasses import dataclass

TURNED_AWAY_WITHIN_S = 1.0
"""For the first bytes of a connection that is one too many: only then can it be told so."""

LINGER_S = 1.0
"""How long a client may go on sending to a connection that ends: to close it at once would be a reset, which may
overtake the answer."""

HELD_BYTES = 64 * 1024
"""What a client may send ahead of what is read; then nothing is read from its connection."""

DISCARDED_BYTES = 256 * 1024
"""Of a body that nobody wants, this much is read, so that the connection can be kept; after more it is closed."""


KEEP_ALIVE_S = 75.0
"""How long an idle connection is kept: longer than load balancers keep theirs (mostly 60 s), so that they end it and no
request meets a closing one."""


@dataclass(frozen=True)
class HttpLimits:
    """Limits that the settings of a service decide."""

    head_bytes: int = 32 * 1024
    head_timeout_s: float = 10.0
    body_timeout_s: float = 10.0
    answer_timeout_s: float = 30.0
    keep_alive_s: float = KEEP_ALIVE_S
    connections: int = 10_000
    requests: int = 5_000

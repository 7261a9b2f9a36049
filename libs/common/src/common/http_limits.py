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


@dataclass(frozen=True)
class HttpLimits:
    """Limits that the settings of a service decide."""

    head_bytes: int = 32 * 1024
    head_timeout_s: float = 10.0
    body_timeout_s: float = 10.0
    answer_timeout_s: float = 30.0
    connections: int = 10_000
    requests: int = 5_000

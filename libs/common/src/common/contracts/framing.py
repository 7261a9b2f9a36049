"""Length-prefixed framing of several bodies: a 4-byte big-endian length, then the bytes. A missing body has no bytes.

It lets the gateway forward the task-reader's JSON without parsing it.
"""

import struct
from collections.abc import Sequence

MEDIA_TYPE = "application/octet-stream"

_LENGTH = struct.Struct(">I")
_MISSING = 0xFFFF_FFFF


def pack(bodies: Sequence[bytes | memoryview | None]) -> bytes:
    """Frames the bodies; copies each once. A body may have up to 4 GiB less 2 bytes."""
    parts: list[bytes | memoryview] = []
    for body in bodies:
        parts += (_LENGTH.pack(_MISSING), b"") if body is None else (_LENGTH.pack(len(body)), body)
    return b"".join(parts)


def unpack(packed: bytes) -> list[memoryview | None]:
    """The bodies given to `pack`, as views into `packed`. Raises ValueError when it is truncated."""
    bodies: list[memoryview | None] = []
    whole = memoryview(packed)
    start = 0
    while start < len(packed):
        end = start + _LENGTH.size
        length = _LENGTH.unpack_from(packed, start)[0] if end <= len(packed) else _MISSING + 1
        if length == _MISSING:
            bodies.append(None)
            start = end
            continue
        start, end = end, end + length
        if end > len(packed):
            raise ValueError("a framed body is truncated")
        bodies.append(whole[start:end])
        start = end
    return bodies

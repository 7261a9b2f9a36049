"""What passed between a service and PostgreSQL, in messages of its protocol, version 3
(https://www.postgresql.org/docs/current/protocol-message-formats.html)."""

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import astuple, dataclass

from tests.counts.line import Line

_START = struct.Struct(">II")  # length and code of the messages before the first with a type
_HEAD = struct.Struct(">cI")  # type and length; the length counts itself and not the type


@dataclass(frozen=True)
class SqlTraffic:
    """A round trip is a query or a synchronization, which the client waits for; a statement counts once completed."""

    connections: int = 0
    round_trips: int = 0
    statements: int = 0
    errors: int = 0

    def __add__(self, more: "SqlTraffic") -> "SqlTraffic":
        return SqlTraffic(*(one + other for one, other in zip(astuple(self), astuple(more), strict=True)))

    def __sub__(self, earlier: "SqlTraffic") -> "SqlTraffic":
        return SqlTraffic(*(now - then for now, then in zip(astuple(self), astuple(earlier), strict=True)))


def sql_traffic(line: Line) -> SqlTraffic:
    """All traffic of the line so far; connections count once PostgreSQL has let them in."""
    asked = Counter(kind for stream in line.to_server for kind in _types(stream, _end_of_start(stream)))
    answers = [Counter(_types(stream, _end_of_negotiation(stream))) for stream in line.to_client]
    answered = sum(answers, Counter[bytes]())
    return SqlTraffic(
        connections=sum(b"Z" in answer for answer in answers),
        round_trips=asked[b"Q"] + asked[b"S"],
        statements=answered[b"C"],
        errors=answered[b"E"],
    )


def _types(stream: bytes | bytearray, start: int) -> Iterator[bytes]:
    """The types of all messages that have passed as a whole."""
    while start + _HEAD.size <= len(stream):
        kind, length = _HEAD.unpack_from(stream, start)
        start += 1 + length
        if start <= len(stream):
            yield kind


def _end_of_start(stream: bytes | bytearray) -> int:
    """Where the client's first message with a type begins: requests for encryption may precede the start-up message."""
    start, is_startup = 0, False
    while not is_startup and start + _START.size <= len(stream):
        length, code = _START.unpack_from(stream, start)
        is_startup = code >> 16 == 3
        start += length
    return start


def _end_of_negotiation(stream: bytes | bytearray) -> int:
    """Where the server's first message begins: a refusal to encrypt is a letter alone, and no first message's type."""
    return len(stream) - len(stream.lstrip(b"N"))

"""What passed between a service and RabbitMQ, in frames of AMQP 0-9-1
(https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf, sections 2.3.5 and 4.2)."""

import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tests.counts.line import Line

_GREETING = b"AMQP\x00\x00\x09\x01"  # the client's first bytes; no frame begins with an A
_HEAD = struct.Struct(">BHI")  # kind, channel, and size of the payload
_END_BYTES = 1
_METHOD = struct.Struct(">HH")  # class and method, the begin of a method's payload

_METHOD_KIND, _HEARTBEAT_KIND = 1, 8
_CONTENT_KINDS = {2: "header", 3: "body"}
_METHODS = {(60, 10): "qos", (60, 40): "publish", (60, 50): "return", (60, 60): "deliver", (60, 80): "ack"}
_FAREWELLS = {(10, 50), (10, 51), (20, 40), (20, 41), (60, 30), (60, 31)}  # close connection and channel, cancel


@dataclass(frozen=True)
class OneWay:
    """Traffic in one direction, over all connections, without heartbeats and farewells.

    `frames` counts by name: `publish`, `header`, `body` and so on; by the numbers of class and method where there is no
    name for them here. An `ack` of RabbitMQ confirms a `publish`. A message of more than 128 KiB has several bodies.
    """

    frames: Counter[str] = field(default_factory=Counter)
    frame_bytes: int = 0
    body_bytes: int = 0

    def __sub__(self, earlier: "OneWay") -> "OneWay":
        return OneWay(
            self.frames - earlier.frames,
            self.frame_bytes - earlier.frame_bytes,
            self.body_bytes - earlier.body_bytes,
        )


@dataclass(frozen=True)
class BusTraffic:
    """What a service sent, and what it received."""

    sent: OneWay = field(default_factory=OneWay)
    received: OneWay = field(default_factory=OneWay)

    def __sub__(self, earlier: "BusTraffic") -> "BusTraffic":
        return BusTraffic(self.sent - earlier.sent, self.received - earlier.received)


def bus_traffic(line: Line) -> BusTraffic:
    """All traffic of the line so far."""
    return BusTraffic(_one_way(line.to_server), _one_way(line.to_client))


def _one_way(streams: Iterable[bytes | bytearray]) -> OneWay:
    frames = [frame for stream in streams for frame in _frames(stream)]
    return OneWay(
        frames=Counter(name for name, _ in frames),
        frame_bytes=sum(_HEAD.size + payload_bytes + _END_BYTES for _, payload_bytes in frames),
        body_bytes=sum(payload_bytes for name, payload_bytes in frames if name == "body"),
    )


def _frames(stream: bytes | bytearray) -> Iterator[tuple[str, int]]:
    """Name and size of the payload of each frame that counts and has passed as a whole."""
    start = len(_GREETING) if stream.startswith(_GREETING) else 0
    while start + _HEAD.size <= len(stream):
        kind, _, payload_bytes = _HEAD.unpack_from(stream, start)
        payload = start + _HEAD.size
        start = payload + payload_bytes + _END_BYTES
        if start > len(stream) or kind == _HEARTBEAT_KIND:
            continue
        if kind != _METHOD_KIND:
            yield _CONTENT_KINDS[kind], payload_bytes
        elif (method := _METHOD.unpack_from(stream, payload)) not in _FAREWELLS:
            yield _METHODS.get(method, "{}.{}".format(*method)), payload_bytes

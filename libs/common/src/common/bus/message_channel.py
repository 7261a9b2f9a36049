"""The messages of a channel, read and written as frames on its connection's socket, beside aiormq (frames.py).

https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf, sections 2.3.5 and 4.2.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from struct import Struct, pack

from aiormq.exceptions import DeliveryError
from pamqp.base import Frame
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from common.bus.frames import AROUND_BYTES, BODY, END, FRAME, HEADER, METHOD, Frames

log = logging.getLogger(__name__)

BASIC = 60
PUBLISH, RETURN, DELIVER, ACK, NACK = (BASIC << 16 | method for method in (40, 50, 60, 80, 120))
SETTLED = Struct(">IQB")  # of an ack or nack: method, tag, and whether it is of all up to the tag
DELIVERED = Struct(">QB")  # of a delivery, behind the consumer's tag: the message's tag, and whether it is redelivered
CONTENT = Struct(">HHQ")  # of a header: class, weight, and size of the body; the properties follow


@dataclass(frozen=True, slots=True)
class Message:
    """A message as RabbitMQ has delivered it."""

    tag: int
    redelivered: bool
    properties: Basic.Properties
    body: bytes


type Receive = Callable[[Message], None]
"""Is called while the socket is read: must not wait."""


@dataclass(slots=True)
class _Coming:
    """A message whose header or body has not come as a whole."""

    method: bytes
    properties: Basic.Properties = field(default_factory=Basic.Properties)
    missing_bytes: int | None = None
    parts: list[bytes] = field(default_factory=list)

    def add(self, kind: int, payload: bytes) -> bool:
        """Whether it is complete now."""
        if kind == HEADER:
            header = ContentHeader()
            header.unmarshal(payload)
            self.properties, self.missing_bytes = header.properties, header.body_size
        elif self.missing_bytes is not None:
            self.parts.append(payload)
            self.missing_bytes -= len(payload)
        return self.missing_bytes == 0


class MessageChannel:
    """The messages of a channel that aiormq has opened; made by Connection.messages_on of broker.py.

    With `receive`, deliveries are taken. With `confirmed_from`, so are confirms and returned messages: it is how many
    messages aiormq has published on the channel, and from then on all are published here.
    """

    def __init__(
        self,
        frames: Frames,
        number: int,
        *,
        frame_max: int,
        receive: Receive | None = None,
        confirmed_from: int | None = None,
    ) -> None:
        self._writer = frames.writer
        self._number = number
        self._part_bytes = frame_max - AROUND_BYTES
        self._receive = receive
        self._is_confirmed = confirmed_from is not None
        self._published = confirmed_from or 0
        self._unconfirmed: dict[int, tuple[str | None, asyncio.Future[None]]] = {}
        self._coming: _Coming | None = None
        if receive is not None or self._is_confirmed:
            frames.give(number, self._takes)

    async def publish(
        self, body: bytes, properties: Basic.Properties, key: str, *, exchange: str = "", mandatory: bool = False
    ) -> None:
        """Returns once the message is handed to the socket: at once, unless RabbitMQ reads too slowly, or not at all.

        Raises OSError when the socket is closed.
        """
        await self._writer.drain()  # before, so that what RabbitMQ does not read is not kept in this process
        to, routing_key = exchange.encode(), key.encode()
        method = pack(
            f">IHB{len(to)}sB{len(routing_key)}sB", PUBLISH, 0, len(to), to, len(routing_key), routing_key, mandatory
        )
        frames = [*self._frame(METHOD, method)]
        frames += self._frame(HEADER, CONTENT.pack(BASIC, 0, len(body)) + properties.marshal())
        for start in range(0, len(body), self._part_bytes):
            frames += self._frame(BODY, body[start : start + self._part_bytes])
        self._write(b"".join(frames))

    async def publish_confirmed(self, body: bytes, properties: Basic.Properties, key: str) -> None:
        """Returns once RabbitMQ has confirmed the message, which is mandatory; `message_id` must be set, and unique.

        Raises DeliveryError when RabbitMQ rejects or returns it, and OSError when the connection is lost: then RabbitMQ
        may have it.
        """
        await self.publish(body, properties, key, mandatory=True)
        self._published += 1
        confirm = asyncio.get_running_loop().create_future()
        self._unconfirmed[self._published] = properties.message_id, confirm
        await confirm

    def acknowledge(self, tag: int) -> None:
        """Returns once the acknowledgement is handed to the socket. Raises ConnectionError when that is closed."""
        self._write(b"".join(self._frame(METHOD, SETTLED.pack(ACK, tag, False))))

    def lose(self) -> None:
        """The connection is lost: nothing will be confirmed any more."""
        for _, confirm in self._unconfirmed.values():
            if not confirm.done():
                confirm.set_exception(ConnectionError("the connection was lost before RabbitMQ confirmed the message"))
        self._unconfirmed.clear()

    def _frame(self, kind: int, payload: bytes) -> tuple[bytes, bytes, bytes]:
        return FRAME.pack(kind, self._number, len(payload)), payload, END

    def _write(self, frames: bytes) -> None:
        if self._writer.is_closing():
            raise ConnectionError("the connection to RabbitMQ is closed")
        self._writer.write(frames)

    def _takes(self, kind: int, payload: bytes) -> bool:
        if kind != METHOD:
            if self._coming is None:
                return False
            if self._coming.add(kind, payload):
                self._complete(self._coming)
            return True
        method = int.from_bytes(payload[:4])
        if (method == DELIVER and self._receive is not None) or (method == RETURN and self._is_confirmed):
            self._coming = _Coming(payload)
            return True
        if method in (ACK, NACK) and self._is_confirmed:
            _, tag, bits = SETTLED.unpack_from(payload)
            self._settle(tag, Basic.Nack(tag) if method == NACK else None, multiple=bool(bits & 1))
            return True
        return False

    def _complete(self, message: _Coming) -> None:
        self._coming = None
        if self._receive is None or int.from_bytes(message.method[:4]) == RETURN:
            self._fail_returned(message.properties.message_id, Basic.Return(int.from_bytes(message.method[4:6])))
            return
        tag, redelivered = DELIVERED.unpack_from(message.method, 5 + message.method[4])
        try:
            self._receive(Message(tag, bool(redelivered & 1), message.properties, b"".join(message.parts)))
        except Exception:
            log.exception("a message was not processed")

    def _fail_returned(self, message_id: str | None, returned: Basic.Return) -> None:
        """RabbitMQ confirms the message as well, later."""
        for one, confirm in self._unconfirmed.values():
            if one == message_id and not confirm.done():
                confirm.set_exception(DeliveryError(None, returned))

    def _settle(self, tag: int, rejected: Frame | None, *, multiple: bool) -> None:
        for one in [number for number in self._unconfirmed if number <= tag] if multiple else [tag]:
            _, confirm = self._unconfirmed.pop(one, (None, None))
            if confirm is None or confirm.done():  # of aiormq's, given up, or returned
                continue
            if rejected is None:
                confirm.set_result(None)
            else:
                confirm.set_exception(DeliveryError(None, rejected))

"""A message of the command queue, without what nobody reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiormq.abc import AbstractChannel
from common.bus.message_channel import Message, MessageChannel


@dataclass(frozen=True, slots=True)
class Incoming:
    """The channel of the consumer: its messages, and all else of it, which is aiormq's."""

    messages: MessageChannel
    channel: AbstractChannel


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of a message. It is acknowledged or rejected once; else RabbitMQ redelivers it when the connection
    ends."""

    body: bytes
    headers: Mapping[str, Any]
    reply_to: str
    correlation_id: str | None
    type: str | None
    redelivered: bool
    came_on: Incoming
    tag: int

    def acknowledge(self) -> None:
        """Returns once the acknowledgement is handed to the connection; RabbitMQ does not confirm it. Raises
        ConnectionError when the connection is lost."""
        self.came_on.messages.acknowledge(self.tag)

    async def requeue(self) -> None:
        """Rejects the message, so that RabbitMQ redelivers it. Raises aio_pika's errors, OSError or RuntimeError when
        the connection is lost."""
        await self.came_on.channel.basic_reject(self.tag, requeue=True)


def delivery(message: Message, came_on: Incoming) -> Delivery:
    """What the consumer needs of a message."""
    properties = message.properties
    return Delivery(
        body=message.body,
        headers=properties.headers or {},
        reply_to=properties.reply_to or "",
        correlation_id=properties.correlation_id,
        type=properties.message_type,
        redelivered=message.redelivered,
        came_on=came_on,
        tag=message.tag,
    )

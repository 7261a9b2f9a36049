"""A message as RabbitMQ delivers it, on aiormq's channel: a message of aio_pika, and FastStream's around it, would cost
more than all else that Python does with a lone command."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiormq.abc import AbstractChannel, DeliveredMessage


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
    channel: AbstractChannel
    tag: int

    async def acknowledge(self) -> None:
        """Returns once the acknowledgement is handed to the connection; RabbitMQ does not confirm it. Raises aio_pika's
        errors, OSError or RuntimeError when the connection is lost."""
        await self.channel.basic_ack(self.tag, wait=False)

    async def requeue(self) -> None:
        """Rejects the message, so that RabbitMQ redelivers it. Raises as above."""
        await self.channel.basic_reject(self.tag, requeue=True)


def delivery(message: DeliveredMessage) -> Delivery:
    """What aiormq hands to a consumer, without what nobody reads."""
    properties = message.header.properties
    return Delivery(
        body=message.body,
        headers=properties.headers or {},
        reply_to=properties.reply_to or "",
        correlation_id=properties.correlation_id,
        type=properties.message_type,
        redelivered=bool(message.redelivered),
        channel=message.channel,
        tag=message.delivery_tag or 0,
    )

"""A message as FastStream hands it to the consumer, without what nobody reads.

It is settled on aiormq's channel: aio_pika's acknowledgement waits until it is written, and keeps books of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiormq.abc import AbstractChannel
from faststream.rabbit import RabbitMessage


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


def delivery(message: RabbitMessage) -> Delivery:
    """What the consumer needs of a message, from aio_pika's below FastStream's."""
    raw = message.raw_message
    return Delivery(
        body=raw.body,
        headers=raw.headers,
        reply_to=raw.reply_to or "",
        correlation_id=raw.correlation_id,
        type=raw.type,
        redelivered=bool(raw.redelivered),
        channel=raw.channel,
        tag=raw.delivery_tag or 0,
    )

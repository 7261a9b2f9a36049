"""Counts a queue's messages and consumers in RabbitMQ without consuming anything."""

from dataclasses import dataclass

from aio_pika.exceptions import ChannelNotFoundEntity

from common.bus.broker import Connection
from common.bus.look_channel import look_channel


@dataclass(frozen=True)
class QueueCounts:
    """RabbitMQ's answer to a passive declare."""

    messages: int
    consumers: int


async def count_queue(connection: Connection, name: str, *, within_s: float) -> QueueCounts | None:
    """The queue's counts, or None when the queue does not exist: one round trip on the connection's channel for looks.

    RabbitMQ 4.2.6 and later require any permission on the queue, or raise ChannelAccessRefused; earlier releases allow
    everybody. Raises the errors of `look_channel`.
    """
    try:
        async with look_channel(connection, within_s=within_s) as channel:
            counts = await channel.queue_declare(name, passive=True)
    except ChannelNotFoundEntity:
        return None
    return QueueCounts(counts.message_count or 0, counts.consumer_count or 0)

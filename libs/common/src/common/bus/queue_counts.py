"""Asking RabbitMQ how many messages wait in a queue, and for how many consumers, without touching it."""

import asyncio
from dataclasses import dataclass

from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity


@dataclass(frozen=True)
class QueueCounts:
    """What RabbitMQ answers to a passive declare."""

    messages: int
    consumers: int


async def count_queue(connection: AbstractConnection, name: str, *, within_s: float) -> QueueCounts | None:
    """The queue's counts, or None when there is no such queue. Opens a channel and closes it: three round trips.

    By a channel of aiormq, because RabbitMQ closes the channel when there is no such queue or the user may not look
    (ChannelAccessRefused), and aio_pika's RobustChannel then opens itself again: each question would leave a channel
    behind, until RabbitMQ closes the connection at `channel_max`. aiormq closes its channel too when `within_s` ends.

    RabbitMQ 4.2.6 and later lets those look who have any right on the queue, earlier releases everybody. Raises
    TimeoutError, and aio_pika's errors, OSError or RuntimeError when the connection is lost.
    """
    if connection.transport is None:
        raise ConnectionError("not connected to RabbitMQ")
    async with asyncio.timeout(within_s):
        channel = await connection.transport.connection.channel(publisher_confirms=False)
        try:
            counts = await channel.queue_declare(name, passive=True)
        except ChannelNotFoundEntity:
            return None
        finally:
            async with asyncio.timeout(within_s):  # of its own, for when the outer one has ended already
                await channel.close()
    return QueueCounts(counts.message_count or 0, counts.consumer_count or 0)

"""Counts a queue's messages and consumers in RabbitMQ without consuming anything."""

import asyncio
from dataclasses import dataclass

from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity


@dataclass(frozen=True)
class QueueCounts:
    """RabbitMQ's answer to a passive declare."""

    messages: int
    consumers: int


async def count_queue(connection: AbstractConnection, name: str, *, within_s: float) -> QueueCounts | None:
    """The queue's counts, or None when the queue does not exist. Opens and closes a channel: three round trips.

    Uses an aiormq channel, because RabbitMQ closes the channel when the queue does not exist or the user lacks
    permission (ChannelAccessRefused): a connection of common.bus.broker is lost with one of its own channels. The
    aiormq channel is closed on timeout, too: RabbitMQ closes the connection when `channel_max` have leaked.

    RabbitMQ 4.2.6 and later require any permission on the queue; earlier releases allow everybody. Raises TimeoutError,
    and aio_pika's errors, OSError or RuntimeError when the connection is lost.
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
            async with asyncio.timeout(within_s):  # a timeout of its own, because the outer one may have expired
                await channel.close()
    return QueueCounts(counts.message_count or 0, counts.consumer_count or 0)

"""A connection's channel for looks at queues, beside the channels that its service works on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiormq.abc import AbstractChannel

from common.bus.broker import Connection


@asynccontextmanager
async def look_channel(connection: Connection, *, within_s: float) -> AsyncIterator[AbstractChannel]:
    """The channel, with publisher confirms, for one look at a time that ends `within_s`. The first look opens it, in
    two round trips, and so does the next one after a look that raised: that closes it, lest a late answer is taken for
    another's. RabbitMQ closes the connection when `channel_max` have leaked.

    It is kept because aiormq leaves 70 objects of each closed channel in reference cycles, which wait long for the
    garbage collector: with a channel for each look, a task-writer grew by 1 MB a minute.

    It is aiormq's own: RabbitMQ closes it for a queue that does not exist or may not be looked at, and a connection of
    broker.py is lost with a channel that was opened by `channel()`. Raises TimeoutError, and aio_pika's errors, OSError
    or RuntimeError when the connection is lost.
    """
    if connection.transport is None:
        raise ConnectionError("not connected to RabbitMQ")
    async with asyncio.timeout(within_s):
        channel = connection.for_looks
        if channel is None or channel.is_closed:
            channel = await connection.transport.connection.channel(publisher_confirms=True, on_return_raises=True)
            connection.for_looks = channel
        try:
            yield channel
        except BaseException:
            connection.for_looks = None
            async with asyncio.timeout(within_s):  # a timeout of its own, because the outer one may have expired
                await channel.close()
            raise

"""A consumer of the command queue on one connection."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

import aiormq
from aio_pika.exceptions import AMQPError
from aiormq.abc import DeliveredMessage
from common.bus.broker import Connection, declare
from common.bus.topology import COMMANDS, COMMANDS_NAME

CANCEL_TIMEOUT_S = 2.0

type Handle = Callable[[DeliveredMessage], Coroutine[Any, Any, None]]
"""Is given each message once it was received; aiormq cancels it when the connection is lost."""


@dataclass(frozen=True)
class Consuming:
    """The one consumer of a connection: its channel and its tag."""

    channel: aiormq.Channel
    tag: str

    async def cancel(self) -> None:
        """Cancels the consumer, so that RabbitMQ delivers queued batches to others. Batches already received are
        processed."""
        with suppress(
            AMQPError, OSError, RuntimeError, TimeoutError
        ):  # without a connection there are no deliveries either
            async with asyncio.timeout(CANCEL_TIMEOUT_S):
                await self.channel.basic_cancel(self.tag)


async def consume(connection: Connection, handle: Handle, *, prefetch: int) -> Consuming:
    """Declares the command queue and consumes it, at most `prefetch` unacknowledged messages at a time.

    The connection is lost when RabbitMQ cancels the consumer, as it does when the queue is deleted. Raises aio_pika's
    errors when RabbitMQ refuses.
    """
    channel = await connection.channel(publisher_confirms=True, on_return_raises=True)  # confirms are for settling.py
    await channel.set_qos(prefetch_count=prefetch)
    await declare(channel, COMMANDS)
    underlying = cast("aiormq.Channel", await channel.get_underlay_channel())
    underlying.on_consumer_cancel_callbacks.add(lambda _: connection.lose("RabbitMQ cancelled the consumer"))
    consuming = await underlying.basic_consume(COMMANDS_NAME, handle)
    return Consuming(underlying, consuming.consumer_tag or "")

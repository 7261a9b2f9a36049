"""A consumer of the command queue on one connection. FastStream declares; messages come from
common/bus/message_channel.py."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

import aiormq
from aio_pika import RobustConnection
from aio_pika.abc import AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import AMQPError
from common.bus.broker import Connection
from common.bus.declarations import COMMANDS
from common.bus.topology import COMMANDS_NAME
from faststream.rabbit import Channel, RabbitBroker

from task_writer.consumer.delivery import Delivery, Incoming, delivery

log = logging.getLogger(__name__)

CANCEL_TIMEOUT_S = 2.0

type Handle = Callable[[Delivery], None]


class NotConsuming(Exception):
    """RabbitMQ cancelled the new consumer immediately."""


@dataclass(frozen=True)
class Consuming:
    """The one consumer of a connection: its queue and its tag."""

    queue: AbstractQueue
    tag: str

    async def cancel(self) -> None:
        """Cancels the consumer, so that RabbitMQ delivers queued batches to others. Batches already received are
        processed.
        """
        with suppress(
            AMQPError, OSError, RuntimeError, TimeoutError
        ):  # without a connection there are no deliveries either
            async with asyncio.timeout(CANCEL_TIMEOUT_S):
                await self.queue.cancel(self.tag)


class _Broker(RabbitBroker):
    """FastStream's broker on a connection that we open and close: FastStream's own connection restores itself."""

    def __init__(self, connection: Connection, *, prefetch: int) -> None:
        super().__init__(
            # with publisher confirms, for settling.py
            default_channel=Channel(prefetch_count=prefetch, on_return_raises=True),
            logger=log,
            log_level=logging.DEBUG,
        )
        self._ours = cast("RobustConnection", connection)

    async def _connect(self) -> RobustConnection:
        """Sets FastStream's connection, for which 0.7.8 has no public API."""
        self.config.connect(self._ours)
        return self._ours


async def consume(connection: Connection, handle: Handle, *, prefetch: int) -> Consuming:
    """Declares the command queue and consumes it, at most `prefetch` unacknowledged messages at a time. `handle` must
    not wait.

    The connection is lost when RabbitMQ cancels the consumer, as it does when the queue is deleted. Raises aio_pika's
    errors when RabbitMQ refuses, and NotConsuming.
    """
    broker = _Broker(connection, prefetch=prefetch)
    await broker.connect()
    queue = await broker.declare_queue(COMMANDS)
    channel = cast("aiormq.Channel", await queue.channel.get_underlay_channel())
    channel.on_consumer_cancel_callbacks.add(lambda _: connection.lose("RabbitMQ cancelled the consumer"))
    messages = await connection.messages_on(queue.channel, lambda message: handle(delivery(message, incoming)))
    incoming = Incoming(messages, channel)

    async def not_taken(message: AbstractIncomingMessage) -> None:
        connection.lose(f"a message was not taken: {message.delivery_tag}")

    await queue.consume(not_taken)
    tags = list(channel.consumers)
    if len(tags) != 1:
        raise NotConsuming(f"RabbitMQ has {len(tags)} consumers of {COMMANDS_NAME} on a new channel")
    return Consuming(queue, tags[0])

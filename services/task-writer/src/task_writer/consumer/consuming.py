"""A consumer of the command queue on one connection, declared by FastStream."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

import aiormq
from aio_pika import RobustConnection
from aio_pika.abc import AbstractQueue
from aio_pika.exceptions import AMQPError
from common.bus.broker import Connection
from common.bus.topology import COMMANDS, COMMANDS_NAME
from faststream import AckPolicy
from faststream.rabbit import Channel, RabbitBroker, RabbitMessage

log = logging.getLogger(__name__)

CANCEL_TIMEOUT_S = 2.0

type Handle = Callable[[RabbitMessage], Awaitable[None]]


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

        FastStream's own stop waits for running handlers first, while RabbitMQ goes on sending batches that are dropped
        and redelivered only when the connection closes.
        """
        with suppress(
            AMQPError, OSError, RuntimeError, TimeoutError
        ):  # without a connection there are no deliveries either
            async with asyncio.timeout(CANCEL_TIMEOUT_S):
                await self.queue.cancel(self.tag)


class _Broker(RabbitBroker):
    """FastStream's broker on a connection that we open and close: FastStream's own connection restores itself."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(
            apply_types=False,  # FastDepends would call the handler through a thread: 1 ms of a lone write
            logger=log,
            log_level=logging.DEBUG,
        )
        self._ours = cast("RobustConnection", connection)

    async def _connect(self) -> RobustConnection:
        """Sets FastStream's connection, for which 0.7.8 has no public API."""
        self.config.connect(self._ours)
        return self._ours


async def consume(connection: Connection, handle: Handle, *, prefetch: int) -> Consuming:
    """Declares the command queue and consumes it, at most `prefetch` unacknowledged messages at a time.

    The connection is lost when RabbitMQ cancels the consumer, as it does when the queue is deleted. Raises aio_pika's
    errors when RabbitMQ refuses, and NotConsuming.
    """
    broker = _Broker(connection)
    subscriber = broker.subscriber(
        COMMANDS,
        channel=Channel(prefetch_count=prefetch, on_return_raises=True),  # with publisher confirms, for settling.py
        ack_policy=AckPolicy.MANUAL,
        no_reply=True,
        decoder=_whole_message,
        title=COMMANDS_NAME,
    )
    subscriber(handle)
    await broker.connect()
    subscriber.running = True  # else FastStream drops messages that arrive before RabbitMQ's answer is read
    await subscriber.start()

    queue = await broker.declare_queue(COMMANDS)  # the same object: FastStream caches declared queues
    channel = cast("aiormq.Channel", await queue.channel.get_underlay_channel())
    channel.on_consumer_cancel_callbacks.add(lambda _: connection.lose("RabbitMQ cancelled the consumer"))
    tags = list(channel.consumers)
    if len(tags) != 1:
        raise NotConsuming(f"RabbitMQ has {len(tags)} consumers of {COMMANDS_NAME} on a new channel")
    return Consuming(queue, tags[0])


async def _whole_message(message: RabbitMessage) -> RabbitMessage:
    """The handler gets the message, and parses its body once, by pydantic.

    FastStream's own decoder parses JSON before the handler is called, so that an invalid body would never reach it.
    """
    return message

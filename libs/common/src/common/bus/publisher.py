"""Sends messages to queues of RabbitMQ, over a connection of its own that is opened again whenever it is lost."""

import asyncio
from contextlib import suppress

from aio_pika import Message
from aio_pika.abc import AbstractExchange
from aio_pika.exceptions import DeliveryError
from faststream.rabbit import RabbitQueue

from common.bus.broker import STEP_TIMEOUT_S, Connection
from common.bus.kept_connection import KeptConnection
from common.runtime.time_limits import time_limit
from common.settings import BusSettings

NOWHERE = ""  # no queue has this name
TRY_TIMEOUT_S = 1.0


class Publisher:
    """`confirmed`: RabbitMQ says of each message that it has it, or that there is no such queue.

    `queue` is declared whenever the connection is opened. That is done anew when a message for it is not taken: it may
    have been deleted. By aio_pika's channel and not by FastStream's `publish`, which takes each message through
    middlewares and parsers that are not used here.
    """

    def __init__(self, settings: BusSettings, name: str, *, confirmed: bool, queue: RabbitQueue | None = None) -> None:
        self._confirmed = confirmed
        self._queue = queue
        self.connection = KeptConnection(settings, name, self._prepare)

    async def publish(self, message: Message, queue: str, *, within_s: float) -> None:
        """Returns once the message is written, or, when `confirmed`, once the broker has it. A connection that is being
        opened again is waited for.

        Raises DeliveryError when the broker refuses it or has no such queue (unconfirmed: neither is noticed),
        TimeoutError, and aio_pika's other errors when it is not known whether the broker has it.
        """
        with time_limit(within_s):
            exchange = self.connection.current or await self.connection.usable()
            try:
                await exchange.publish(message, queue, mandatory=self._confirmed)
            except DeliveryError:
                if self._queue is not None and queue == self._queue.name:
                    self.connection.renew(f"RabbitMQ did not take a message for {queue}")
                raise

    async def _prepare(self, connection: Connection) -> AbstractExchange:
        channel = await connection.channel(publisher_confirms=self._confirmed, on_return_raises=self._confirmed)
        if self._queue is not None:
            await channel.declare_queue(
                self._queue.name,
                durable=self._queue.durable,
                arguments=self._queue.arguments,
                timeout=STEP_TIMEOUT_S,
            )
        if self._confirmed:
            await _try(channel.default_exchange)
        return channel.default_exchange


async def _try(exchange: AbstractExchange) -> None:
    """Raises aio_pika's errors when we may not publish: a message that is for nobody is then refused, and else comes
    back. While RabbitMQ's memory or disk has run out there is no answer, and what is published later waits too.
    """
    with suppress(DeliveryError, TimeoutError):
        async with asyncio.timeout(TRY_TIMEOUT_S):
            await exchange.publish(Message(b""), NOWHERE, mandatory=True)

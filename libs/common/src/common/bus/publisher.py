"""Publishes messages to queues over a connection of its own, which is reopened whenever it is lost."""

from contextlib import suppress

from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import DeliveryError
from faststream.rabbit import RabbitQueue
from pamqp.commands import Basic

from common.bus.broker import STEP_TIMEOUT_S, Connection, probe_publishing
from common.bus.kept_connection import KeptConnection
from common.bus.message_channel import MessageChannel
from common.runtime.time_limits import time_limit
from common.settings import BusSettings


class Publisher:
    """`confirmed`: RabbitMQ confirms each message, or reports that there is no such queue.

    `queue` is declared whenever the connection is opened. When RabbitMQ rejects a message for it, the connection is
    reopened, because the queue may have been deleted.
    """

    def __init__(self, settings: BusSettings, name: str, *, confirmed: bool, queue: RabbitQueue | None = None) -> None:
        self._confirmed = confirmed
        self._queue = queue
        self.connection = KeptConnection(settings, name, self._prepare)

    async def publish(self, body: bytes, properties: Basic.Properties, queue: str, *, within_s: float) -> None:
        """Returns once the message is handed to the socket; when `confirmed`, once the broker has it: it then needs a
        unique `message_id`. Waits for a connection that is being reopened.

        Raises DeliveryError when the broker rejects it or has no such queue (only when `confirmed`). After TimeoutError
        and aio_pika's other errors the broker may or may not have it.
        """
        with time_limit(within_s):
            channel = self.connection.current or await self.connection.usable()
            if not self._confirmed:
                await channel.publish(body, properties, queue)
                return
            try:
                await channel.publish_confirmed(body, properties, queue)
            except DeliveryError:
                if self._queue is not None and queue == self._queue.name:
                    self.connection.renew(f"RabbitMQ rejected a message for {queue}")
                raise

    async def _prepare(self, connection: Connection) -> MessageChannel:
        channel = await connection.channel(publisher_confirms=self._confirmed, on_return_raises=self._confirmed)
        if self._queue is not None:
            await _declare(channel, self._queue)
        if self._confirmed:
            with suppress(TimeoutError):
                await probe_publishing(channel)
        return await connection.messages_on(channel, confirmed=self._confirmed)


async def _declare(channel: AbstractChannel, queue: RabbitQueue) -> None:
    """Raises aio_pika's errors when RabbitMQ refuses, and TimeoutError."""
    await channel.declare_queue(queue.name, durable=queue.durable, arguments=queue.arguments, timeout=STEP_TIMEOUT_S)

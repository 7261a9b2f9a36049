"""Requeues messages that could not be processed, with backoff."""

import asyncio
import logging
from contextlib import suppress

from aio_pika.exceptions import AMQPError
from common.bus.topology import DELIVERY_LIMIT

from task_writer.consumer.delivery import Delivery

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 4.0
REJECT_TIMEOUT_S = 5.0


class Requeueing:
    """At most half of a writer's concurrent messages may pause, so that redeliveries never block all others."""

    def __init__(self, *, concurrent_batches: int) -> None:
        self._free_pauses = max(concurrent_batches // 2, 1)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Ends all pauses, now and from now on."""
        self._stopping.set()

    async def requeue(self, message: Delivery) -> None:
        """Requeues the message. After DELIVERY_LIMIT redeliveries RabbitMQ dead-letters it.

        Uses `basic.reject`, which counts as a delivery on every RabbitMQ; `basic.nack` does not on 4.3. If the
        connection was lost, RabbitMQ has already requeued the message.
        """
        pause_s = _pause_s(message)
        if pause_s and self._free_pauses:
            self._free_pauses -= 1
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._stopping.wait()
            finally:
                self._free_pauses += 1
        try:
            async with asyncio.timeout(REJECT_TIMEOUT_S):
                await message.requeue()
        except (AMQPError, OSError, RuntimeError) as error:
            log.info("a message could not be requeued; RabbitMQ requeues it when the connection ends: %r", error)


def _pause_s(message: Delivery) -> float:
    """No pause after the last delivery, since RabbitMQ dead-letters the message."""
    delivered = message.headers.get("x-delivery-count", 0)
    if not isinstance(delivered, int) or delivered >= DELIVERY_LIMIT:
        return 0.0
    return min(FIRST_PAUSE_S * 2.0**delivered, LONGEST_PAUSE_S)

"""Requeues messages that could not be processed, with backoff."""

import asyncio
import logging
from contextlib import suppress

from aio_pika.exceptions import AMQPError
from common.bus.topology import DELIVERY_LIMIT
from faststream.rabbit import RabbitMessage

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 4.0
REJECT_TIMEOUT_S = 5.0


class Requeueing:
    """At most half of the messages that a writer takes at once may pause: the others go on, whatever comes back."""

    def __init__(self, *, concurrent_batches: int) -> None:
        self._free_pauses = max(concurrent_batches // 2, 1)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Ends all pauses, now and from now on."""
        self._stopping.set()

    async def requeue(self, message: RabbitMessage) -> None:
        """Gives it back; once it was delivered DELIVERY_LIMIT times and once more, RabbitMQ makes it a dead letter.

        By `basic.reject`, which counts as a delivery on every RabbitMQ; `basic.nack` does not on 4.3. A message whose
        connection was lost is back already.
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
                await message.reject(requeue=True)
        except (AMQPError, OSError, RuntimeError) as error:
            log.info("a message could not be given back; it is back with its connection: %r", error)


def _pause_s(message: RabbitMessage) -> float:
    """None before the last time: RabbitMQ will move the message away."""
    delivered = message.headers.get("x-delivery-count", 0)
    if not isinstance(delivered, int) or delivered >= DELIVERY_LIMIT:
        return 0.0
    return min(FIRST_PAUSE_S * 2.0**delivered, LONGEST_PAUSE_S)

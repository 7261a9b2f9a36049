"""Polls RabbitMQ for the queues' messages and consumers, on the gateway's connection."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aio_pika.exceptions import AMQPError
from aiormq.exceptions import ChannelAccessRefused
from common.bus.queue_counts import QueueCounts
from common.bus.topology import COMMANDS_NAME, DEAD_LETTERS_NAME

from gateway.metrics import QUEUE_CONSUMERS, QUEUE_MESSAGES

log = logging.getLogger(__name__)

POLL_EVERY_S = 5.0

type CountQueue = Callable[[str], Awaitable[QueueCounts | None]]


async def keep_watching(count_queue: CountQueue) -> None:
    """Runs for ever. While RabbitMQ cannot be asked, the metrics are removed instead of showing stale values."""
    watched = [WatchedQueue(name, count_queue) for name in (COMMANDS_NAME, DEAD_LETTERS_NAME)]
    while True:
        for queue in watched:
            await queue.update()
        await asyncio.sleep(POLL_EVERY_S)


class WatchedQueue:
    """The metrics of one queue, and whether a missing permission was logged."""

    def __init__(self, name: str, count_queue: CountQueue) -> None:
        self._name = name
        self._count_queue = count_queue
        self._is_refused = False

    async def update(self) -> None:
        """Sets the queue's metrics; removes them when the queue does not exist or RabbitMQ cannot be asked."""
        try:
            counts = await self._count_queue(self._name)
        except ChannelAccessRefused as error:
            self._log_refusal(error)
            counts = None
        except (AMQPError, OSError, RuntimeError, TimeoutError) as error:  # RuntimeError: aiormq's for a closed channel
            log.debug("the queue %s could not be counted: %r", self._name, error)
            counts = None
        else:
            self._is_refused = False
        if counts is None:
            for metric in (QUEUE_MESSAGES, QUEUE_CONSUMERS):
                metric.remove_by_labels({"queue": self._name})
        else:
            QUEUE_MESSAGES.labels(self._name).set(counts.messages)
            QUEUE_CONSUMERS.labels(self._name).set(counts.consumers)

    def _log_refusal(self, error: ChannelAccessRefused) -> None:
        """Logs it once, until the permission is back."""
        if not self._is_refused:
            log.warning(
                "This RabbitMQ user may not access the queue %s: its metrics and alerts are missing. "
                "Give the user the permissions of deploy/rabbitmq/definitions.json: %s",
                self._name,
                error,
            )
        self._is_refused = True

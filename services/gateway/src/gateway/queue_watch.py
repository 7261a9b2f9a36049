"""How many messages wait in RabbitMQ, and whether anybody takes them: asked for seldom, on the gateway's connection."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aio_pika.exceptions import AMQPError
from aiormq.exceptions import ChannelAccessRefused
from common.bus.queue_counts import QueueCounts
from common.bus.topology import COMMANDS_NAME, DEAD_LETTERS_NAME

from gateway.metrics import QUEUE_CONSUMERS, QUEUE_MESSAGES

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0

type CountQueue = Callable[[str], Awaitable[QueueCounts | None]]


async def keep_watching(count_queue: CountQueue) -> None:
    """Runs for ever. While RabbitMQ cannot be asked, nothing is told, rather than what was true once."""
    watched = [WatchedQueue(name, count_queue) for name in (COMMANDS_NAME, DEAD_LETTERS_NAME)]
    while True:
        for queue in watched:
            await queue.look()
        await asyncio.sleep(LOOK_EVERY_S)


class WatchedQueue:
    """One queue's metrics, and whether the log has said that RabbitMQ does not let us look."""

    def __init__(self, name: str, count_queue: CountQueue) -> None:
        self._name = name
        self._count_queue = count_queue
        self._is_refused = False

    async def look(self) -> None:
        """Sets the queue's metrics; removes them when there is no such queue or RabbitMQ cannot be asked."""
        try:
            counts = await self._count_queue(self._name)
        except ChannelAccessRefused as error:
            self._tell_refusal(error)
            counts = None
        except (AMQPError, OSError, RuntimeError, TimeoutError) as error:  # RuntimeError: aiormq's for what is closed
            log.debug("the queue %s could not be looked at: %r", self._name, error)
            counts = None
        else:
            self._is_refused = False
        if counts is None:
            for metric in (QUEUE_MESSAGES, QUEUE_CONSUMERS):
                metric.remove_by_labels({"queue": self._name})
        else:
            QUEUE_MESSAGES.labels(self._name).set(counts.messages)
            QUEUE_CONSUMERS.labels(self._name).set(counts.consumers)

    def _tell_refusal(self, error: ChannelAccessRefused) -> None:
        """Once, not at every look: until RabbitMQ lets us look again."""
        if not self._is_refused:
            log.warning(
                "RabbitMQ does not let this user look at the queue %s: its metrics and alerts are missing. "
                "Give the user the permissions of deploy/rabbitmq/definitions.json: %s",
                self._name,
                error,
            )
        self._is_refused = True

"""How many messages wait in RabbitMQ, and whether anybody takes them: asked for seldom, on the gateway's connection."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import AMQPError, ChannelNotFoundEntity
from common.topology import COMMANDS_NAME, DEAD_LETTERS_NAME

from gateway.metrics import QUEUE_CONSUMERS, QUEUE_MESSAGES

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
ANSWER_TIMEOUT_S = 2.0

type OpenChannel = Callable[[], Awaitable[AbstractChannel]]


async def keep_watching(open_channel: OpenChannel) -> None:
    """Runs for ever. While RabbitMQ cannot be asked, nothing is told, rather than what was true once."""
    while True:
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                for name in (COMMANDS_NAME, DEAD_LETTERS_NAME):
                    await _look(open_channel, name)
        except (AMQPError, OSError, RuntimeError, TimeoutError) as error:  # RuntimeError: aiormq's for what is closed
            log.debug("the queues could not be looked at: %r", error)
            QUEUE_MESSAGES.clear()
            QUEUE_CONSUMERS.clear()
        await asyncio.sleep(LOOK_EVERY_S)


async def _look(open_channel: OpenChannel, name: str) -> None:
    """A queue that is not there closes the channel, so each look has its own."""
    channel = await open_channel()
    try:
        queue = await channel.declare_queue(name, passive=True)
    except ChannelNotFoundEntity:
        return
    QUEUE_MESSAGES.labels(name).set(queue.declaration_result.message_count or 0)
    QUEUE_CONSUMERS.labels(name).set(queue.declaration_result.consumer_count or 0)
    await channel.close()

"""The dead-letter queue in one operator's hands: looking without taking, and removing letter by letter."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import AMQPError, ChannelPreconditionFailed, DeliveryError
from aiormq.exceptions import ChannelLockedResource
from common.bus.broker import connection_url
from common.bus.queue_counts import count_queue
from common.bus.topology import COMMANDS_NAME, DEAD_LETTERS, DEAD_LETTERS_LOCK_NAME, DEAD_LETTERS_NAME
from common.settings import BusSettings

from task_writer.letters import Letter, NotPossible, read_letter

ANSWER_TIMEOUT_S = 5.0
"""Limit for each answer of RabbitMQ."""

LOCK_WAIT_S = 1.0
"""How long the lock may still be there after the operator before has gone; 15 ms were seen."""

MAX_LOOKED_AT = 65_535
"""Letters that can be held at once: AMQP's prefetch count has 16 bits."""

_PAUSE_S = 0.02


@dataclass(frozen=True)
class Held:
    """A letter that RabbitMQ has handed over, and takes back when the connection ends."""

    letter: Letter
    message: AbstractIncomingMessage


class DeadLetterQueue:
    """The letters that lay in the queue when it was opened; `count` of them.

    One consumer is handed all of them, and holds them until the end. RabbitMQ then puts them back in their order, also
    when this process is killed. If some were left in the queue they would be in front from then on: RabbitMQ puts what
    comes back behind what came back before. So every look costs the traffic, and up to the memory, of all letters.
    """

    def __init__(self, connection: AbstractConnection, channel: AbstractChannel, queue: AbstractQueue) -> None:
        self.count = queue.declaration_result.message_count or 0
        self._connection = connection
        self._channel = channel
        self._queue = queue
        self._arriving: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        self._to_come = 0
        self._removed = 0

    async def letters(self) -> AsyncIterator[Held]:
        """Each letter, oldest first. Those that are buried meanwhile are not among them.

        Once per opened queue. Raises NotPossible when RabbitMQ hands over fewer than there were.
        """
        if self.count == 0:
            return
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            await self._channel.set_qos(prefetch_count=min(self.count, MAX_LOOKED_AT))
            await self._queue.consume(self._arriving.put)
        self._to_come = self.count
        while self._to_come:
            message = await self._next()
            yield Held(read_letter(message), message)

    async def _next(self) -> AbstractIncomingMessage:
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                message = await self._arriving.get()
        except TimeoutError:
            raise NotPossible(
                f"RabbitMQ handed over {self.count - self._to_come} of {self.count} letters: the connection was lost, "
                f"more than {MAX_LOOKED_AT} lie there, or something else consumes them. Nothing is lost; try again."
            ) from None
        self._to_come -= 1
        return message

    async def send(self, message: aio_pika.Message) -> None:
        """Returns once RabbitMQ has the message in the command queue for good; NotPossible when it refuses it."""
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await self._channel.default_exchange.publish(message, COMMANDS_NAME, mandatory=True)
        except DeliveryError:
            raise NotPossible("The command queue is full or not there; the letter stays. Try again later.") from None

    async def remove(self, held: Held) -> None:
        """Takes the letter out of the queue for good."""
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            await held.message.ack()
        self._removed += 1

    async def require_writer(self) -> None:
        """Raises NotPossible when no task-writer consumes the command queue: what is sent would wait and expire."""
        commands = await count_queue(self._connection, COMMANDS_NAME, within_s=ANSWER_TIMEOUT_S)
        if commands is None or not commands.consumers:
            raise NotPossible("No task-writer is running: start one, then replay. The letters stay.")

    async def give_back(self) -> None:
        """Returns once all letters but the removed ones lie in the queue again, so that the next operator sees them."""
        for _ in range(min(self._to_come, MAX_LOOKED_AT)):
            await self._arriving.get()
        await self._channel.close()
        while True:
            queue = await count_queue(self._connection, DEAD_LETTERS_NAME, within_s=ANSWER_TIMEOUT_S)
            if queue is None or queue.messages >= self.count - self._removed:
                return
            await asyncio.sleep(_PAUSE_S)


@asynccontextmanager
async def open_dead_letters(settings: BusSettings) -> AsyncIterator[DeadLetterQueue]:
    """The queue, for one operator at a time; it is made when it is not there.

    Raises NotPossible when another operator has it, or when it has arguments with which looking would lose letters.
    Raises AMQPError, OSError or TimeoutError when RabbitMQ cannot be reached or does not answer.
    """
    url = connection_url(settings, "task-writer dead-letters")
    connection = await aio_pika.connect(url, timeout=ANSWER_TIMEOUT_S)
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            queue = await _declare(connection)
        try:
            yield queue
        finally:
            with suppress(AMQPError, OSError, RuntimeError):  # RabbitMQ puts the letters back, whether we wait or not
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    await queue.give_back()
    finally:
        with suppress(AMQPError, OSError):
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await connection.close()


async def _declare(connection: AbstractConnection) -> DeadLetterQueue:
    await _lock(connection)
    channel = await connection.channel(on_return_raises=True)
    try:
        queue = await channel.declare_queue(
            DEAD_LETTERS_NAME, durable=DEAD_LETTERS.durable, arguments=DEAD_LETTERS.arguments
        )
    except ChannelPreconditionFailed:
        raise NotPossible(
            "The dead-letter queue was made with other arguments, and looking into it could lose letters. "
            "Move them to a queue that this release has made, with RabbitMQ's shovel."
        ) from None
    return DeadLetterQueue(connection, channel, queue)


async def _lock(connection: AbstractConnection) -> None:
    """Declares an exclusive queue, which goes with its connection: quorum queues have no exclusive consumers.

    On RabbitMQ 4.3 it is still there 7 to 15 ms after its connection was closed. So who holds it is another operator
    only when it is held for longer. NotPossible then.
    """
    give_up_at = asyncio.get_running_loop().time() + LOCK_WAIT_S
    while True:
        channel = await connection.channel()  # RabbitMQ closes the one on which it refuses
        try:
            await channel.declare_queue(DEAD_LETTERS_LOCK_NAME, exclusive=True)
        except ChannelLockedResource:
            if asyncio.get_running_loop().time() > give_up_at:
                raise NotPossible(
                    "Another operator is at the dead letters right now. Try again when they are done."
                ) from None
            await asyncio.sleep(_PAUSE_S)
        else:
            return

"""The dead-letter queue, for one operator at a time: browse without consuming, and remove single dead letters."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import AMQPError, ChannelPreconditionFailed, DeliveryError
from aiormq.exceptions import ChannelLockedResource
from common.bus.broker import Connection, connect
from common.bus.declarations import DEAD_LETTERS
from common.bus.queue_counts import count_queue
from common.bus.topology import COMMANDS_NAME, DEAD_LETTERS_LOCK_NAME, DEAD_LETTERS_NAME
from common.settings import BusSettings

from task_writer.dead_letters import DeadLetter, NotPossible, read_dead_letter

ANSWER_TIMEOUT_S = 5.0
"""Limit for each answer of RabbitMQ."""

LOCK_WAIT_S = 1.0
"""How long the lock may outlive the previous operator's connection; 15 ms were measured."""

MAX_HELD = 65_535
"""Dead letters that can be held at once: AMQP's prefetch count has 16 bits."""

_PAUSE_S = 0.02


@dataclass(frozen=True)
class Held:
    """A dead letter that RabbitMQ has delivered, and requeues when the connection ends."""

    dead_letter: DeadLetter
    message: AbstractIncomingMessage


class DeadLetterQueue:
    """The dead letters that were in the queue when it was opened; `count` of them.

    One consumer receives all of them and holds them until the end. RabbitMQ then requeues them in their order, even
    when this process is killed. Dead letters left in the queue would stand in front from then on, because RabbitMQ
    requeues behind what was requeued before. So every listing costs the traffic, and up to the memory, of all of them.
    """

    def __init__(self, connection: Connection, channel: AbstractChannel, queue: AbstractQueue) -> None:
        self.count = queue.declaration_result.message_count or 0
        self._connection = connection
        self._channel = channel
        self._queue = queue
        self._arriving: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        self._remaining = 0
        self._removed = 0

    async def dead_letters(self) -> AsyncIterator[Held]:
        """Each dead letter, oldest first, without those that arrive meanwhile.

        Call it once per opened queue. Raises NotPossible when RabbitMQ delivers fewer than there were.
        """
        if self.count == 0:
            return
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            await self._channel.set_qos(prefetch_count=min(self.count, MAX_HELD))
            await self._queue.consume(self._arriving.put)
        self._remaining = self.count
        while self._remaining:
            message = await self._next()
            yield Held(read_dead_letter(message), message)

    async def _next(self) -> AbstractIncomingMessage:
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                message = await self._arriving.get()
        except TimeoutError:
            raise NotPossible(
                f"RabbitMQ delivered {self.count - self._remaining} of {self.count} dead letters: the connection was "
                f"lost, the queue has more than {MAX_HELD}, or another consumer takes them. Nothing is lost; try again."
            ) from None
        self._remaining -= 1
        return message

    async def send(self, message: aio_pika.Message) -> None:
        """Returns once RabbitMQ has confirmed the message in the command queue. Raises NotPossible when it refuses
        it."""
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await self._channel.default_exchange.publish(message, COMMANDS_NAME, mandatory=True)
        except DeliveryError:
            raise NotPossible("The command queue is full or missing; the dead letter stays. Try again later.") from None

    async def replace(self, held: Held, messages: Iterable[aio_pika.Message]) -> None:
        """Sends all messages, then removes the dead letter. Raises as `send` does; the dead letter then stays."""
        for message in messages:
            await self.send(message)
        await self.remove(held)

    async def remove(self, held: Held) -> None:
        """Removes the dead letter from the queue permanently."""
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            await held.message.ack()
        self._removed += 1

    async def require_writer(self) -> None:
        """Raises NotPossible when no task-writer consumes the command queue: the commands would wait and expire."""
        commands = await count_queue(self._connection, COMMANDS_NAME, within_s=ANSWER_TIMEOUT_S)
        if commands is None or not commands.consumers:
            raise NotPossible("No task-writer is running: start one, then replay. The dead letters stay.")

    async def requeue(self) -> None:
        """Returns once all dead letters but the removed ones are back in the queue, for the next operator to see."""
        for _ in range(min(self._remaining, MAX_HELD)):
            await self._arriving.get()
        await self._channel.close()
        while True:
            queue = await count_queue(self._connection, DEAD_LETTERS_NAME, within_s=ANSWER_TIMEOUT_S)
            if queue is None or queue.messages >= self.count - self._removed:
                return
            await asyncio.sleep(_PAUSE_S)


@asynccontextmanager
async def open_dead_letters(settings: BusSettings) -> AsyncIterator[DeadLetterQueue]:
    """The queue, for one operator at a time; declared when it does not exist.

    Raises NotPossible when another operator has it open, or when its arguments would make browsing lose dead letters.
    Raises AMQPError, OSError or TimeoutError when RabbitMQ cannot be reached or does not answer.
    """
    connection = await connect(settings, "task-writer dead-letters")
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            queue = await _declare(connection)
        try:
            yield queue
        finally:
            with suppress(AMQPError, OSError, RuntimeError):  # RabbitMQ requeues them whether we wait or not
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    await queue.requeue()
    finally:
        await connection.end()


async def _declare(connection: Connection) -> DeadLetterQueue:
    await _lock(connection)
    channel = await connection.channel(on_return_raises=True)
    try:
        queue = await channel.declare_queue(
            DEAD_LETTERS_NAME, durable=DEAD_LETTERS.durable, arguments=DEAD_LETTERS.arguments
        )
    except ChannelPreconditionFailed:
        raise NotPossible(
            "The dead-letter queue has other arguments, with which browsing could lose dead letters. "
            "Move them to a queue declared by this release, with RabbitMQ's shovel."
        ) from None
    return DeadLetterQueue(connection, channel, queue)


async def _lock(connection: Connection) -> None:
    """Declares an exclusive queue, which goes with its connection: quorum queues have no exclusive consumers.

    On RabbitMQ 4.3 it outlives its closed connection by 7 to 15 ms, so only a lock held for longer is another
    operator's. Raises NotPossible then.
    """
    give_up_at = asyncio.get_running_loop().time() + LOCK_WAIT_S
    while True:
        channel = await connection.channel()  # RabbitMQ closes the one on which it refuses
        try:
            await channel.declare_queue(DEAD_LETTERS_LOCK_NAME, exclusive=True)
        except ChannelLockedResource:
            if asyncio.get_running_loop().time() > give_up_at:
                raise NotPossible("Another operator is working on the dead letters. Try again later.") from None
            await asyncio.sleep(_PAUSE_S)
        else:
            return

"""A gateway reduced to its AMQP side, for tests of what the writer does with messages of every kind."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue
from common.bus.broker import connect_to
from common.bus.declarations import COMMANDS, DEAD_LETTERS
from common.bus.topology import COMMANDS_NAME, DEAD_LETTERS_NAME
from common.contracts.commands import AnyCommand, CommandBatch
from common.contracts.outcomes import Outcome, OutcomeBatch

PATIENCE_S = 10.0


@dataclass(frozen=True)
class RawGateway:
    """Publishes to the command queue and hears the replies."""

    channel: AbstractChannel
    replies: AbstractQueue
    heard: "asyncio.Queue[AbstractIncomingMessage]"

    async def send(self, *commands: AnyCommand) -> str:
        """Publishes one batch; its correlation id."""
        return await self.send_bytes(CommandBatch(commands=list(commands)).model_dump_json().encode())

    async def send_bytes(self, body: bytes) -> str:
        correlation_id = str(uuid4())
        message = aio_pika.Message(
            body,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            correlation_id=correlation_id,
            reply_to=self.replies.name,
            content_type="application/json",
        )
        await self.channel.default_exchange.publish(message, COMMANDS_NAME)
        return correlation_id

    async def reply(self, *, within_s: float = PATIENCE_S) -> tuple[str | None, Sequence[Outcome]]:
        """The next reply: correlation id and outcomes. TimeoutError when none comes."""
        async with asyncio.timeout(within_s):
            message = await self.heard.get()
        return message.correlation_id, OutcomeBatch.model_validate_json(message.body).outcomes

    async def call(self, *commands: AnyCommand) -> Sequence[Outcome]:
        """The outcomes of one batch."""
        sent = await self.send(*commands)
        correlation_id, outcomes = await self.reply()
        assert correlation_id == sent
        return outcomes

    async def dead_letter(self) -> AbstractIncomingMessage:
        """Takes the next dead letter. TimeoutError when none comes."""
        queue = await self.channel.declare_queue(DEAD_LETTERS_NAME, passive=True)
        async with asyncio.timeout(PATIENCE_S), queue.iterator(no_ack=True) as messages:
            return await anext(messages)

    async def waiting(self, queue_name: str = COMMANDS_NAME) -> int:
        """How many messages are ready in the queue; those at a consumer do not count."""
        queue = await self.channel.declare_queue(queue_name, passive=True)
        return queue.declaration_result.message_count or 0


@asynccontextmanager
async def raw_gateway(rabbitmq_url: str) -> AsyncIterator[RawGateway]:
    async with await connect_to(rabbitmq_url) as connection:
        channel = await connection.channel(on_return_raises=True)
        replies = await channel.declare_queue(exclusive=True)
        heard: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        await replies.consume(heard.put, no_ack=True)
        yield RawGateway(channel, replies, heard)


@asynccontextmanager
async def emptied_gateway(url: str) -> AsyncIterator[RawGateway]:
    """One whose queues hold nothing of other tests, and nothing of its own afterwards."""
    async with raw_gateway(url) as gateway:
        await _empty(gateway)
        yield gateway
        await _empty(gateway)


async def _empty(gateway: RawGateway) -> None:
    for queue in (COMMANDS, DEAD_LETTERS):
        await gateway.channel.declare_queue(queue.name, durable=True, arguments=queue.arguments)
        await (await gateway.channel.get_queue(queue.name)).purge()

"""Takes batches off the bus: decode, carry out, acknowledge, answer; what cannot be read goes to the dead letters."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from aio_pika import DeliveryMode, Message
from common.broker import Publisher, whole_message
from common.contracts import CommandBatch, Outcome, OutcomeBatch
from common.database import Database
from common.topology import COMMANDS, COMMANDS_NAME, DEAD_LETTERS_NAME
from faststream import AckPolicy
from faststream.rabbit import Channel, RabbitBroker, RabbitMessage
from pydantic import ValidationError

from task_writer.batches import Answered, carry_out

log = logging.getLogger(__name__)

PUBLISH_TIMEOUT_S = 5.0

MAX_REASON_CHARACTERS = 500


class CommandHandler:
    """Holds what a batch needs: the database, and the connections by which replies and dead letters leave.

    They are not those that batches come by: RabbitMQ blocks publishing connections when it runs out of memory or disk,
    and that must not stall the acknowledgements. Replies are not confirmed, dead letters are.
    """

    def __init__(self, database: Database, *, replies: Publisher, dead_letters: Publisher) -> None:
        self._database = database
        self._replies = replies
        self._dead_letters = dead_letters
        self._running: set[asyncio.Task[None]] = set()

    def subscribe(self, incoming: RabbitBroker, *, concurrent_batches: int) -> None:
        """Consumes the command queue with `incoming`, at most `concurrent_batches` messages at a time."""
        incoming.subscriber(
            COMMANDS,
            channel=Channel(prefetch_count=concurrent_batches),
            ack_policy=AckPolicy.MANUAL,
            no_reply=True,
            decoder=whole_message,
            title=COMMANDS_NAME,
        )(self.on_batch)

    async def on_batch(self, message: RabbitMessage) -> None:
        """Runs in a task of its own: FastStream cancels handlers when the connection is lost, and a transaction that
        has begun had better end, so that its redelivery finds the recorded answers.
        """
        task = asyncio.create_task(self._handle(message))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await asyncio.shield(task)

    async def finish(self) -> None:
        """Waits until the batches in hand are done and answered."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _handle(self, message: RabbitMessage) -> None:
        """Whatever goes wrong, the message is not lost: it comes again, up to the queue's delivery limit."""
        try:
            outcomes = await self._work_off(message)
        except Exception:
            log.exception("a batch could not be worked off")
            await message.reject(requeue=True)
        else:
            if message.reply_to and outcomes:
                await self._reply(message, outcomes)

    async def _work_off(self, message: RabbitMessage) -> list[Outcome]:
        """The outcomes of the batch, which is acknowledged; none when it could not be read."""
        try:
            batch = CommandBatch.model_validate_json(message.body)
        except ValidationError as error:
            await self._bury(message.body, _why_malformed(error))
            await message.ack()
            return []

        answered = await carry_out(self._database, batch.commands, redelivered=bool(message.raw_message.redelivered))

        for one in answered:
            if one.poison is not None:
                await self._bury(CommandBatch(commands=[one.command]).model_dump_json().encode(), one.poison)
        await _acknowledge(message, answered)
        return [one.outcome for one in answered]

    async def _reply(self, message: RabbitMessage, outcomes: Sequence[Outcome]) -> None:
        """Neither persistent, mandatory nor confirmed: if it is lost, the outcome is unknown at the gateway."""
        answer = Message(
            OutcomeBatch(outcomes=list(outcomes)).model_dump_json(exclude_defaults=True).encode(),
            correlation_id=message.correlation_id,
            content_type="application/json",
        )
        await self._replies.publish(answer, message.reply_to, within_s=PUBLISH_TIMEOUT_S)

    async def _bury(self, body: bytes, reason: str) -> None:
        """Keeps the message where an operator finds it. The original stays unacknowledged until then."""
        log.error("dead letter: %s", reason)
        letter = Message(
            body,
            content_type="application/json",
            headers={"x-reason": reason[:MAX_REASON_CHARACTERS]},
            timestamp=datetime.now(UTC),
            delivery_mode=DeliveryMode.PERSISTENT,
        )
        await self._dead_letters.publish(letter, DEAD_LETTERS_NAME, within_s=PUBLISH_TIMEOUT_S)


async def _acknowledge(message: RabbitMessage, answered: Sequence[Answered]) -> None:
    """Before the answer: a command that is answered `refused` or `expired` must never be delivered again and run.

    An acknowledgement has no answer of its own, so where that matters a round trip on the same channel follows it:
    RabbitMQ works a channel off in order.
    """
    await message.ack()
    if any(one.outcome.status in {"refused", "expired"} for one in answered):
        await message.raw_message.channel.queue_declare(COMMANDS_NAME, passive=True)


def _why_malformed(error: ValidationError) -> str:
    """Names the faulty fields, not their values: nothing of a task's text gets into headers and logs."""
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    return "malformed: " + "; ".join(
        f"{'.'.join(str(part) for part in fault['loc'])}: {fault['type']}" for fault in faults
    )

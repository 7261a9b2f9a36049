"""Takes batches off the bus: decode, carry out, acknowledge, answer; what cannot be read goes to the dead letters."""

import asyncio
import logging
import time
from collections import Counter as Tally
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from time import perf_counter

from aio_pika import DeliveryMode, Message
from aio_pika.exceptions import AMQPError
from common import eager_tasks
from common.broker import Publisher, whole_message
from common.contracts import SENT_HEADER, CommandBatch, Outcome, OutcomeBatch
from common.database import Database
from common.logs import MAX_IDS_IN_A_LINE, log_wish
from common.topology import COMMANDS, COMMANDS_NAME, DEAD_LETTERS_NAME
from common.tracing import batch_span, trace_id
from faststream import AckPolicy
from faststream.rabbit import Channel, RabbitBroker, RabbitMessage
from faststream.rabbit.subscriber.usecase import RabbitSubscriber

from task_writer import metrics
from task_writer.batches import Answered, carry_out
from task_writer.decoding import Unreadable, UnreadableBatch, read_batch

log = logging.getLogger(__name__)

PUBLISH_TIMEOUT_S = 5.0
CANCEL_TIMEOUT_S = 2.0

MAX_REASON_CHARACTERS = 500

UNREADABLE = Outcome(status="refused", reason="The task-writer does not know the command.")
UNREADABLE_AGAIN = Outcome(status="unknown", reason="Another task-writer may have known the command.")


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
        self._subscriber: RabbitSubscriber | None = None
        metrics.IN_HAND.set_function(lambda: len(self._running))

    def subscribe(self, incoming: RabbitBroker, *, concurrent_batches: int) -> None:
        """Consumes the command queue with `incoming`, at most `concurrent_batches` messages at a time."""
        self._subscriber = incoming.subscriber(
            COMMANDS,
            channel=Channel(prefetch_count=concurrent_batches),
            ack_policy=AckPolicy.MANUAL,
            no_reply=True,
            decoder=whole_message,
            title=COMMANDS_NAME,
        )
        self._subscriber(self.on_batch)

    async def on_batch(self, message: RabbitMessage) -> None:
        """Runs in a task of its own: FastStream cancels handlers when the connection is lost, and a transaction that
        has begun had better end, so that its redelivery finds the recorded answers.
        """
        task = eager_tasks.start(self._handle(message))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await asyncio.shield(task)

    async def take_no_more(self) -> None:
        """Lets RabbitMQ give the waiting batches to others. What it has sent by then is carried out all the same.

        FastStream's own stop ends it the other way round: first what is in hand, while RabbitMQ goes on to send
        batches that are dropped, and come to others only when the connection is closed.
        """
        if (subscriber := self._subscriber) is None:
            return
        queue, tag = subscriber._queue_obj, subscriber._consumer_tag  # noqa: SLF001 - FastStream 0.7.8 has no other way
        if queue is None or tag is None or queue.channel.is_closed:
            return
        with suppress(AMQPError, OSError, RuntimeError, TimeoutError):  # without a connection nothing comes either
            async with asyncio.timeout(CANCEL_TIMEOUT_S):
                await queue.cancel(tag)

    async def finish(self) -> None:
        """Waits until the batches in hand are done and answered."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _handle(self, message: RabbitMessage) -> None:
        """Whatever goes wrong, the message is not lost: it comes again, up to the queue's delivery limit."""
        try:
            outcomes, answered, seconds = await self._work_off(message)
        except Exception:
            log.exception("a batch could not be worked off")
            await message.reject(requeue=True)
            return
        try:
            await self._settle(message, outcomes)
        finally:  # an answer that does not get through is told of too
            metrics.count_answers((done.command.type, done.outcome.status) for done in answered)
            if outcomes:
                _tell(answered, seconds)

    async def _work_off(self, message: RabbitMessage) -> tuple[list[Outcome], list[Answered], float]:
        """The outcomes of all its commands, those that were answered, and the seconds that it took; none of a message
        that is no batch.
        """
        _measure_way(message)
        try:
            read = read_batch(message.body)
        except UnreadableBatch as error:
            metrics.DEAD_LETTERS.labels("malformed").inc()
            await self._bury(message.body, str(error))
            return [], [], 0.0
        metrics.BATCH_COMMANDS.observe(len(read))
        began = perf_counter()

        redelivered = bool(message.raw_message.redelivered)
        commands = [one for one in read if not isinstance(one, Unreadable)]
        with batch_span("carry out commands", "CONSUMER", commands):
            answered = await carry_out(self._database, commands, redelivered=redelivered)

        for one in read:
            if isinstance(one, Unreadable):
                metrics.DEAD_LETTERS.labels("malformed").inc()
                await self._bury(one.body, one.reason)
        for done in answered:
            if done.poison is not None:
                metrics.DEAD_LETTERS.labels("poison").inc()
                await self._bury(CommandBatch(commands=[done.command]).model_dump_json().encode(), done.poison)
        outcomes = _in_place(read, answered, UNREADABLE_AGAIN if redelivered else UNREADABLE)
        return outcomes, answered, perf_counter() - began

    async def _settle(self, message: RabbitMessage, outcomes: Sequence[Outcome]) -> None:
        """Acknowledges and answers: at once, where a delivery that comes again would find what is recorded.

        A command that is answered `refused` or `expired` must never be delivered again and run. An acknowledgement has
        no answer of its own, so a round trip on the same channel follows it before the reply: RabbitMQ works a channel
        off in order.
        """
        if any(outcome.status in {"refused", "expired"} for outcome in outcomes):
            await message.ack()
            await message.raw_message.channel.queue_declare(COMMANDS_NAME, passive=True)
            await self._reply(message, outcomes)
        else:
            replying = eager_tasks.start(self._reply(message, outcomes))  # may stall when RabbitMQ runs out of memory
            try:
                await message.ack()
            finally:
                await replying

    async def _reply(self, message: RabbitMessage, outcomes: Sequence[Outcome]) -> None:
        """Neither persistent, mandatory nor confirmed: if it is lost, the outcome is unknown at the gateway."""
        if not message.reply_to or not outcomes:
            return
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


def _measure_way(message: RabbitMessage) -> None:
    """A message that comes again has been on its way for other reasons than the queue."""
    if message.raw_message.redelivered:
        metrics.REDELIVERED.inc()
    elif isinstance(sent := message.headers.get(SENT_HEADER), int):
        metrics.QUEUE_SECONDS.observe(max(time.time() - sent / 1000, 0.0))


def _in_place(read: Sequence[object], answered: Sequence[Answered], unreadable: Outcome) -> list[Outcome]:
    """The outcome of each command at the place at which it came."""
    outcomes = iter(answered)
    return [unreadable if isinstance(one, Unreadable) else next(outcomes).outcome for one in read]


def _tell(answered: Sequence[Answered], seconds: float) -> None:
    """One line for the batch; it names the requests that failed, some of them."""
    failed = [one for one in answered if one.outcome.status not in {"done", "not_found", "key_reused"}]
    log_wish(
        "batch",
        failed=bool(failed),
        seconds=seconds,
        fields=lambda: {
            "outcomes": dict(Tally(one.outcome.status for one in answered)),
            "trace_ids": [trace_id(one.command.traceparent) for one in answered if one.command.traceparent][
                :MAX_IDS_IN_A_LINE
            ]
            or None,
            "of_requests": [one.command.request_id for one in failed or answered][:MAX_IDS_IN_A_LINE],
        },
    )

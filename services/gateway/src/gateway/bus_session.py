"""Request and reply over one RabbitMQ connection: batches are published on its channel, and replies arrive on it.

Replies use RabbitMQ's direct reply-to (https://www.rabbitmq.com/docs/direct-reply-to): no reply queue has to be
declared, permitted, or reached on another node. Replies to a closed session are dropped. A lost session stays lost:
bus_link.py opens another. Batches and replies are read and written as frames, beside aio_pika and aiormq
(common/bus/message_channel.py).
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import cast

import aiormq
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import AMQPError, DeliveryError
from aiormq.abc import DeliveredMessage
from common.bus.barrier import pass_barrier
from common.bus.broker import Connection, described, probe_publishing
from common.bus.message_channel import Message, MessageChannel
from common.bus.topology import COMMANDS_NAME, DIRECT_REPLIES_NAME, PERSISTENT, SAME_PRIORITY
from common.contracts.commands import SENT_HEADER
from common.contracts.outcomes import Outcome, OutcomeBatch
from common.runtime import eager_tasks
from common.runtime.time_limits import time_limit
from pamqp.commands import Basic
from pydantic import ValidationError

from gateway.commands import AnyCommand, encode_commands
from gateway.metrics import BAD_REPLIES, LATE_REPLIES

log = logging.getLogger(__name__)

CONFIRM_TIMEOUT_S = 5.0
"""For RabbitMQ to confirm a batch. A new leader of the queue may need longer; the session is opened again then."""

QUEUE_TIMEOUT_S = 2.5
"""For the queue to confirm, when a session is opened: most of what a node gets while there are others to be tried."""

UNCONFIRMED = f"RabbitMQ did not confirm a batch within {CONFIRM_TIMEOUT_S:.0f} s"
NO_MAJORITY = "the command queue takes no messages: most of its nodes are gone, or cannot be reached from this one"

NOT_ACCEPTED = "The message bus did not accept the write."
NO_ANSWER = "There was no answer within the write's deadline."
LOST = "The message bus was lost while the write was in flight."
DOWN = "The message bus is not available."


class NotSent(Exception):
    """Certainly no writer will see the batch; the text says why."""


class QueueUnavailable(Exception):
    """RabbitMQ answers, but takes no messages for the command queue."""


class OutcomeUnknown(Exception):
    """The batch may or may not have been carried out; the text says why this is unknown."""


class SessionLost(OutcomeUnknown):
    """The session was lost while the batch was in flight."""


@dataclass(frozen=True, slots=True)
class _PendingBatch:
    """A batch in flight."""

    commands: int
    reply: asyncio.Future[Sequence[Outcome]]


class BusSession:
    """A connection, its channel, and the batches that wait for replies: their outcomes are unknown once the connection
    is lost. Belongs to one event loop.
    """

    _messages: MessageChannel

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._numbers = count(1)  # correlation ids, short because each travels four times; unique within the session
        self._pending: dict[str, _PendingBatch] = {}
        self._publishing: set[asyncio.Task[None]] = set()
        self.is_unconfirmed = False
        """Whether RabbitMQ did not confirm a batch in time: its node may be cut off from those that have the queue."""
        self._lost = connection.lost
        self._lost.add_done_callback(self._fail_all)

    async def use(self, channel: AbstractChannel) -> None:
        """Asks on this channel, on which replies are consumed and nothing is published any more by others."""
        self._messages = await self.connection.messages_on(channel, self.receive, confirmed=True)

    async def ask(self, commands: Sequence[AnyCommand], within_s: float) -> Sequence[Outcome]:
        """The outcomes of a batch, in order. Raises NotSent, SessionLost, or OutcomeUnknown after `within_s`."""
        if self._lost.done():
            raise NotSent(DOWN)
        batch_id = str(next(self._numbers))
        pending = _PendingBatch(len(commands), asyncio.get_running_loop().create_future())
        self._pending[batch_id] = pending
        body = encode_commands(commands)
        publishing = eager_tasks.start(self._publish(body, batch_id))
        self._publishing.add(publishing)
        publishing.add_done_callback(self._publishing.discard)
        try:
            with time_limit(within_s):
                return await pending.reply
        except TimeoutError:
            raise OutcomeUnknown(NO_ANSWER) from None
        finally:
            del self._pending[batch_id]

    async def _publish(self, body: bytes, batch_id: str) -> None:
        """Publishes persistent, confirmed and mandatory. A failure fails the batch; the reply may arrive before the
        confirm. The confirm is waited for beyond the batch's deadline: without it the session is of no use.
        """
        properties = Basic.Properties(
            reply_to=DIRECT_REPLIES_NAME,
            correlation_id=batch_id,
            message_id=batch_id,  # by which a returned message is known
            content_type="application/json",
            delivery_mode=PERSISTENT,
            priority=SAME_PRIORITY,
            headers={SENT_HEADER: int(time.time() * 1000)},
        )
        try:
            with time_limit(CONFIRM_TIMEOUT_S):
                await self._messages.publish_confirmed(body, properties, COMMANDS_NAME)
        except DeliveryError as error:
            log.warning("RabbitMQ rejected a batch: %s", type(error).__name__)
            self._fail(batch_id, NotSent(NOT_ACCEPTED))
        except TimeoutError:
            if not await self.connection.is_blocked():
                self.is_unconfirmed = True
                self.connection.lose(UNCONFIRMED)
        except (AMQPError, OSError, RuntimeError) as error:
            log.warning("publishing a batch failed: %r", error)
            self.connection.lose(described(error))  # its own callbacks may come later than this error
            self._fail(batch_id, SessionLost(LOST))
        except Exception as error:
            log.warning("publishing a batch failed: %r", error)
            self._fail(batch_id, OutcomeUnknown(LOST))

    def receive(self, message: Message) -> None:
        """Delivers a reply to the batch that waits for it. Late, unknown and unreadable replies are only counted."""
        batch_id = message.properties.correlation_id
        if not batch_id:
            BAD_REPLIES.inc()
            log.error("ignored a reply without a correlation id")
            return
        pending = self._pending.get(batch_id)
        if pending is None or pending.reply.done():
            LATE_REPLIES.inc()
            log.info("ignored a late reply for batch %r", batch_id)
            return
        try:
            outcomes = OutcomeBatch.model_validate_json(message.body).outcomes
        except ValidationError as error:
            BAD_REPLIES.inc()
            log.error("invalid reply, its commands will time out: %s", error)  # noqa: TRY400 - no stack needed
            return
        if len(outcomes) != pending.commands:
            BAD_REPLIES.inc()
            log.error(
                "invalid reply with %d outcomes for %d commands, which will time out", len(outcomes), pending.commands
            )
            return
        pending.reply.set_result(outcomes)

    def _fail(self, batch_id: str, error: NotSent | OutcomeUnknown) -> None:
        pending = self._pending.get(batch_id)
        if pending is not None and not pending.reply.done():
            pending.reply.set_exception(error)

    def _fail_all(self, _: object) -> None:
        for batch_id in self._pending:
            self._fail(batch_id, SessionLost(LOST))


async def open_session(connection: Connection, *, with_queue: bool = False) -> BusSession:
    """A session that is ready to ask, or whose connection is blocked.

    Consumes replies, and checks that we may publish, with `with_queue` to the command queue itself: three round trips.
    Raises aio_pika's errors when RabbitMQ refuses, TimeoutError when it does not answer, and QueueUnavailable.
    """
    channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
    underlying = cast("aiormq.Channel", await channel.get_underlay_channel())
    await underlying.basic_consume(DIRECT_REPLIES_NAME, _not_taken, no_ack=True)
    try:
        await probe_publishing(channel)
        if with_queue:
            await _probe_queue(underlying)
    except TimeoutError:
        if not await connection.is_blocked():
            raise
    session = BusSession(connection)
    await session.use(channel)
    return session


async def _not_taken(message: DeliveredMessage) -> None:
    """aiormq gets no reply: nothing is asked before the session takes them."""
    log.error("ignored a message that nobody asked for: %r", message.delivery)


async def _probe_queue(channel: aiormq.Channel) -> None:
    """Raises QueueUnavailable without an answer."""
    try:
        with suppress(DeliveryError):  # there is no queue, or it is full
            async with asyncio.timeout(QUEUE_TIMEOUT_S):
                await pass_barrier(channel)
    except TimeoutError:
        raise QueueUnavailable(NO_MAJORITY) from None

"""One connection to RabbitMQ that asks and is answered: batches leave by its channel, and replies come back on it.

Replies come by RabbitMQ's direct reply-to (https://www.rabbitmq.com/docs/direct-reply-to): without a queue, so there
is none to declare, to have a right to, or to stand on another node. What is sent to a session that is gone is dropped.
A session that is lost stays lost: bus_link.py opens another. It knows no more of RabbitMQ than aio_pika's public API.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

import aio_pika
from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage, TimeoutType
from aio_pika.exceptions import DeliveryError
from common.bus.broker import connection_url, described
from common.bus.queue_counts import QueueCounts, count_queue
from common.bus.topology import COMMANDS_NAME, DIRECT_REPLIES_NAME
from common.contracts.commands import SENT_HEADER, AnyCommand, CommandBatch
from common.contracts.outcomes import Outcome, OutcomeBatch
from common.runtime import eager_tasks
from common.runtime.time_limits import time_limit
from common.settings import BusSettings
from pydantic import ValidationError

from gateway.metrics import BAD_REPLIES, LATE_REPLIES

log = logging.getLogger(__name__)

STEP_TIMEOUT_S = 5.0
"""For each step of opening a session, for closing it, and for a question about a queue."""

BLOCKED_AFTER_S = 0.05
NOWHERE = ""  # no queue has this name

NOT_ACCEPTED = "The message bus did not accept the write."
NO_ANSWER = "There was no answer within the write's deadline."
LOST = "The message bus was lost while the write was on its way."
DOWN = "The message bus is down."


class NotSent(Exception):
    """It is certain that no writer will see the batch; the text says why."""


class OutcomeUnknown(Exception):
    """The batch may or may not have been carried out; the text says why that is not known."""


class BusBlocked(Exception):
    """RabbitMQ takes no messages, because its memory or disk has run out."""


class _Connection(aio_pika.Connection):
    """One that is closed when it could not be opened. aio_pika's own closes itself when it is forgotten, in a task that
    nobody holds: by then the event loop may have ended.
    """

    async def connect(self, timeout: TimeoutType = None) -> None:  # noqa: ASYNC109 - the signature is aio_pika's
        try:
            await super().connect(timeout)
        except BaseException:
            await self.close()
            raise


@dataclass(frozen=True, slots=True)
class _Asked:
    """A batch on its way."""

    commands: int
    reply: asyncio.Future[Sequence[Outcome]]


class BusSession:
    """A connection, its channel, and the batches that wait for their replies on it. Belongs to one event loop."""

    def __init__(self, connection: AbstractConnection, channel: AbstractChannel) -> None:
        self._connection = connection
        self._channel = channel
        self._numbers = count(1)  # short, because RabbitMQ carries each four times; no other session hears its replies
        self._on_their_way: dict[str, _Asked] = {}
        self._publishing: set[asyncio.Task[None]] = set()
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Done, with the reason, once the session is of no use any more."""
        connection.close_callbacks.add(self._lose)
        channel.close_callbacks.add(self._lose)

    async def start(self) -> None:
        """Begins to hear replies, and finds out whether RabbitMQ takes messages from us: three round trips.

        Raises BusBlocked when it takes none from anybody now, and aio_pika's errors when it refuses.
        """
        replies = await self._channel.get_queue(DIRECT_REPLIES_NAME, ensure=False)
        await replies.consume(self._receive, no_ack=True, timeout=STEP_TIMEOUT_S)
        try:
            with suppress(DeliveryError):  # it comes back, as nothing can: we may publish, and hear what is refused
                await self._channel.default_exchange.publish(Message(b""), NOWHERE, timeout=STEP_TIMEOUT_S)
        except TimeoutError:
            if await self.is_blocked():
                raise BusBlocked from None
            raise

    async def ask(self, commands: Sequence[AnyCommand], within_s: float) -> Sequence[Outcome]:
        """The outcomes of a batch, in order. Raises NotSent or OutcomeUnknown, the latter after `within_s` at most."""
        if self.lost.done():
            raise NotSent(DOWN)
        batch_id = str(next(self._numbers))
        asked = _Asked(len(commands), asyncio.get_running_loop().create_future())
        self._on_their_way[batch_id] = asked
        body = CommandBatch(commands=list(commands)).model_dump_json().encode()
        publishing = eager_tasks.start(self._publish(body, batch_id, within_s))
        self._publishing.add(publishing)
        publishing.add_done_callback(self._publishing.discard)
        try:
            with time_limit(within_s):
                return await asked.reply
        except TimeoutError:
            raise OutcomeUnknown(NO_ANSWER) from None
        finally:
            del self._on_their_way[batch_id]

    async def is_blocked(self) -> bool:
        """Whether RabbitMQ has said that it takes no messages now, as it does when memory or disk run out.

        It says so to a connection that has tried to publish. What is published meanwhile waits in this process.
        """
        transport = self._connection.transport
        if transport is None:
            return False
        try:
            async with asyncio.timeout(BLOCKED_AFTER_S):
                await transport.ready()
        except TimeoutError:
            return True
        return False

    async def count_queue(self, name: str) -> QueueCounts | None:
        """What waits in a queue. Raises as `common.bus.queue_counts` says."""
        return await count_queue(self._connection, name, within_s=STEP_TIMEOUT_S)

    async def close(self) -> None:
        """Ends the connection, within STEP_TIMEOUT_S. The outcome of what is on its way is unknown."""
        self._lose(None, None)
        with suppress(Exception):  # whatever it is, RabbitMQ notices the end by itself
            async with asyncio.timeout(STEP_TIMEOUT_S):
                await self._connection.close()

    async def _publish(self, body: bytes, batch_id: str, within_s: float) -> None:
        """Persistent, confirmed, and returned when there is no queue. A failure is the batch's reply; the reply itself
        may come before the confirm.
        """
        message = Message(
            body,
            reply_to=DIRECT_REPLIES_NAME,
            correlation_id=batch_id,
            content_type="application/json",
            delivery_mode=DeliveryMode.PERSISTENT,
            headers={SENT_HEADER: int(time.time() * 1000)},
        )
        try:
            with time_limit(within_s):
                await self._channel.default_exchange.publish(message, COMMANDS_NAME)
        except DeliveryError as error:
            log.warning("RabbitMQ refused a batch: %s", type(error).__name__)
            self._fail(batch_id, NotSent(NOT_ACCEPTED))
        except TimeoutError:
            self._fail(batch_id, OutcomeUnknown(NO_ANSWER))
        except Exception as error:
            log.warning("a batch was lost on its way: %r", error)
            self._fail(batch_id, OutcomeUnknown(LOST))

    async def _receive(self, message: AbstractIncomingMessage) -> None:
        """Hands a reply to the batch that waits for it. One that is of no batch, or cannot be read, is only counted."""
        if message.correlation_id is None:
            BAD_REPLIES.inc()
            log.error("a reply names no batch, and was ignored")
            return
        asked = self._on_their_way.get(message.correlation_id)
        if asked is None or asked.reply.done():
            LATE_REPLIES.inc()
            log.info("a late reply was ignored: batch %r", message.correlation_id)
            return
        try:
            outcomes = OutcomeBatch.model_validate_json(message.body).outcomes
        except ValidationError as error:
            BAD_REPLIES.inc()
            log.error("a reply cannot be read, its commands will time out: %s", error)  # noqa: TRY400 - no stack needed
            return
        if len(outcomes) != asked.commands:
            BAD_REPLIES.inc()
            log.error("a reply has %d outcomes for %d commands, which will time out", len(outcomes), asked.commands)
            return
        asked.reply.set_result(outcomes)

    def _fail(self, batch_id: str, error: NotSent | OutcomeUnknown) -> None:
        asked = self._on_their_way.get(batch_id)
        if asked is not None and not asked.reply.done():
            asked.reply.set_exception(error)

    def _lose(self, _: object, error: BaseException | None) -> None:
        """Called when the connection or the channel is closed, by whichever comes first."""
        if self.lost.done():
            return
        self.lost.set_result("the connection was closed" if error is None else described(error))
        for batch_id in self._on_their_way:
            self._fail(batch_id, OutcomeUnknown(LOST))


async def open_session(settings: BusSettings, name: str) -> BusSession:
    """A session that is ready to ask; `name` is shown in RabbitMQ's list of connections.

    Raises whatever stands in the way, each step within STEP_TIMEOUT_S, and leaves no connection behind.
    """
    connection = await aio_pika.connect(
        connection_url(settings, name), timeout=STEP_TIMEOUT_S, connection_class=_Connection
    )
    try:
        async with asyncio.timeout(STEP_TIMEOUT_S):
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        session = BusSession(connection, channel)
        await session.start()
    except BaseException:
        with suppress(Exception):
            async with asyncio.timeout(STEP_TIMEOUT_S):
                await connection.close()
        raise
    return session

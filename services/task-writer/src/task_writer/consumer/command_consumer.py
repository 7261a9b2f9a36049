"""Consumes the command queue, a limited number of batches at a time, and drains them on shutdown."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from aio_pika.exceptions import AMQPError
from common.bus.barrier import BARRIER
from common.bus.kept_connection import KeptConnection
from common.bus.publisher import Publisher
from common.postgres.database import Database
from common.runtime import eager_tasks
from common.settings import BusSettings

from task_writer import metrics
from task_writer.consumer.consuming import consume
from task_writer.consumer.dead_lettering import NotStored, store
from task_writer.consumer.delivery import Delivery
from task_writer.consumer.hinting import Announce, to_nobody
from task_writer.consumer.processing import Processed, process, record
from task_writer.consumer.requeueing import Requeueing
from task_writer.consumer.settling import NotAcknowledged, before_acknowledgement, reply, settle

log = logging.getLogger(__name__)

CANCEL_TIMEOUT_S = 2.0
FINISH_TIMEOUT_S = 11.0
"""Together with closing connections it must fit into the deployments' grace period of 30 s."""

CONNECTION_NAME = "task-writer commands"

ANSWER_AFTER_S = 0.5
"""A batch whose dead letters take longer is answered before they are stored, because its other commands are waiting."""


@dataclass(frozen=True)
class Outgoing:
    """The publishers of replies, which are not confirmed, and of dead letters, which are.

    They do not share the consumer's connection: RabbitMQ blocks publishing connections when it runs out of memory or
    disk, and that must not stall the acknowledgements.
    """

    replies: Publisher
    dead_letters: Publisher

    async def usable(self) -> None:
        """Returns once both publishers are connected."""
        await self.dead_letters.connection.usable()
        await self.replies.connection.usable()


class CommandConsumer:
    """Consumes the command queue whenever RabbitMQ is up, at most `concurrent_batches` messages at a time. Each batch
    is announced once it is answered."""

    def __init__(
        self,
        settings: BusSettings,
        database: Database,
        outgoing: Outgoing,
        *,
        concurrent_batches: int,
        announce: Announce = to_nobody,
    ) -> None:
        self._database = database
        self._announce = announce
        self._replies, self._dead_letters = outgoing.replies, outgoing.dead_letters
        self._requeueing = Requeueing(concurrent_batches=concurrent_batches)
        self._running: set[asyncio.Task[None]] = set()
        start = partial(consume, handle=self.on_batch, prefetch=concurrent_batches)
        self.connection = KeptConnection(settings, CONNECTION_NAME, start, when=outgoing.usable)
        self.connection.beside = outgoing.replies.connection  # what is found out of its node counts for both: reach.py
        metrics.IN_PROGRESS.set_function(lambda: len(self._running))

    def on_batch(self, message: Delivery) -> None:
        """Starts a task, which outlives the connection: a running transaction should finish, so that the redelivery
        finds the recorded outcomes.
        """
        task = eager_tasks.start(self._handle(message))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def stop_consuming(self) -> None:
        """Stops consuming. Batches already received are still processed."""
        self._requeueing.stop()
        self.connection.retire()
        if (consuming := self.connection.current) is not None:
            await consuming.cancel()

    async def finish(self) -> None:
        """Waits until the batches in progress are answered. After FINISH_TIMEOUT_S it cancels the rest: they are not
        acknowledged, and are redelivered to another writer when the connection closes.
        """
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=FINISH_TIMEOUT_S)
        for task in late:
            task.cancel()
        if late:
            log.warning("%d batches were not finished in time; RabbitMQ redelivers them", len(late))
            await asyncio.wait(late, timeout=CANCEL_TIMEOUT_S)

    async def _handle(self, message: Delivery) -> None:
        """On any error the message is redelivered, up to the queue's delivery limit."""
        if message.type == BARRIER:
            with suppress(AMQPError, OSError, RuntimeError):  # RabbitMQ redelivers it
                message.acknowledge()
            return
        try:
            done = await process(self._database, message)
        except Exception:
            log.exception("a batch could not be processed")
            await self._requeueing.requeue(message)
            return
        try:
            if done.dead_letters:
                await self._store_and_settle(message, done)
            else:
                await settle(message, done.outcomes, self._replies)
        except NotStored as error:
            log.warning("a batch is requeued: %s", error)
            await self._requeueing.requeue(message)
        except NotAcknowledged as error:
            log.warning("a batch was processed, and its outcomes are not certain: %s", error)
            self.connection.renew(f"an acknowledgement is not certain: {error}")
        except (AMQPError, OSError, RuntimeError) as error:  # RabbitMQ redelivers it, or the gateway answers 504
            log.warning("a batch was processed, but not acknowledged or not answered: %r", error)
        finally:  # also when the reply was not sent
            record(done)
            self._announce(done.answered)

    async def _store_and_settle(self, message: Delivery, done: Processed) -> None:
        """Replies first when storing the dead letters is slow, with outcomes that stay true if the message is
        redelivered."""
        storing = eager_tasks.start(store(self._dead_letters, done.dead_letters))
        try:
            await asyncio.wait([storing], timeout=ANSWER_AFTER_S)
            if storing.done():
                await storing
                await settle(message, done.outcomes, self._replies)
                return
            with suppress(AMQPError, OSError, RuntimeError):
                await reply(message, before_acknowledgement(done.outcomes), self._replies)
            await storing
            message.acknowledge()
        finally:
            storing.cancel()

"""The command bus over RabbitMQ: a publishing connection, and a consuming one with this process's reply queue."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from uuid import UUID, uuid4

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import DeliveryError
from common.background import running
from common.broker import Publisher, make_broker, start_broker
from common.contracts import SENT_HEADER, CommandBatch, OutcomeBatch
from common.queue_counts import QueueCounts, count_queue
from common.topology import COMMANDS_NAME, REPLIES_NAME, reply_queue
from faststream.rabbit import RabbitBroker
from pydantic import ValidationError

from gateway.batching import BatchLimits
from gateway.command_bus import CommandBus, NotAccepted
from gateway.queue_watch import keep_watching
from gateway.settings import GatewaySettings

log = logging.getLogger(__name__)

LOOK_FOR_ALARMS_EVERY_S = 0.1
COUNT_TIMEOUT_S = 2.0


class BusLink:
    """Owns both connections, and tells the bus when it can be used: both must be up."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._reply_queue = reply_queue(f"{REPLIES_NAME}.{uuid4()}")
        self._up: set[str] = set()
        self._blocked = False
        self._publisher = Publisher(self._make_broker("gateway commands"), confirmed=True)
        self._consuming = self._make_broker("gateway replies")
        self.bus = CommandBus(
            self._publish,
            BatchLimits(
                max_batch=settings.bus_max_batch,
                max_in_flight=settings.bus_max_in_flight,
                max_waiting=settings.bus_max_waiting,
                longest_wait_s=settings.write_deadline_s / 2,
            ),
        )

    def _make_broker(self, name: str) -> RabbitBroker:
        return make_broker(
            self._settings,
            name,
            on_lost=lambda: self._lost(name),
            on_restored=lambda: self._restored(name),
        )

    async def open(self) -> None:
        """Waits for RabbitMQ, however long it takes; the bus refuses commands until then."""
        await start_broker(self._consuming)
        replies = await self._consuming.declare_queue(self._reply_queue)
        await replies.consume(self._on_reply, no_ack=True)
        self._restored("gateway replies")
        await self._publisher.start()
        self._restored("gateway commands")

    async def watch_alarms(self) -> None:
        """Without end: tells the bus when RabbitMQ blocks it and when that is over. aio_pika tells nobody."""
        while True:
            await asyncio.sleep(LOOK_FOR_ALARMS_EVERY_S)
            before, self._blocked = self._blocked, await self._publisher.is_blocked()
            if self._blocked and not before:
                log.warning("RabbitMQ takes no commands: its memory or disk has run out")
                self.bus.blocked()
            elif before and not self._blocked:
                self._tell_when_usable()

    async def count_queue(self, name: str) -> QueueCounts | None:
        """What waits in a queue, asked on the connection that replies come by. Raises as `common.queue_counts` says."""
        async with asyncio.timeout(COUNT_TIMEOUT_S):
            return await count_queue(await self._consuming.connect(), name, within_s=COUNT_TIMEOUT_S)

    async def close(self) -> None:
        """Closes both connections; RabbitMQ then deletes the reply queue."""
        self._up.clear()
        await self._publisher.stop()
        await self._consuming.stop()

    def _restored(self, name: str) -> None:
        self._up.add(name)
        self._tell_when_usable()

    def _tell_when_usable(self) -> None:
        if len(self._up) == 2 and not self._blocked:  # noqa: PLR2004 - both connections
            log.info("the bus is up")
            self.bus.connected()

    def _lost(self, name: str) -> None:
        if name in self._up:
            log.warning("the bus is down: lost the connection of the %s", name)
        self._up.discard(name)
        self.bus.lost()

    async def _publish(self, batch_id: UUID, batch: CommandBatch) -> None:
        """Persistent, confirmed, and returned when there is no queue."""
        message = Message(
            batch.model_dump_json().encode(),
            reply_to=self._reply_queue.name,
            correlation_id=str(batch_id),
            content_type="application/json",
            delivery_mode=DeliveryMode.PERSISTENT,
            headers={SENT_HEADER: int(time.time() * 1000)},
        )
        try:
            await self._publisher.publish(message, COMMANDS_NAME, within_s=self._settings.write_deadline_s)
        except DeliveryError as error:
            raise NotAccepted(type(error).__name__) from error

    async def _on_reply(self, message: AbstractIncomingMessage) -> None:
        """Straight from aio_pika: FastStream's subscriber was 5 % of a lone write's CPU time in the gateway."""
        try:
            batch_id = UUID(message.correlation_id)
            outcomes = OutcomeBatch.model_validate_json(message.body).outcomes
        except (ValueError, ValidationError):
            log.exception("an answer could not be read; its commands will time out")
            return
        self.bus.receive(batch_id, outcomes)


@asynccontextmanager
async def open_bus(settings: GatewaySettings) -> AsyncIterator[CommandBus]:
    """The bus, up when RabbitMQ is there within BUS_START_TIMEOUT_S; else it refuses commands until it is."""
    link = BusLink(settings)
    opened = asyncio.Event()

    async def open_link() -> None:
        await link.open()
        opened.set()

    async with AsyncExitStack() as stack:
        stack.push_async_callback(link.close)
        await stack.enter_async_context(running("bus", open_link))
        await stack.enter_async_context(running("bus alarms", link.watch_alarms))
        if settings.admin_port is not None:
            watching = running("queue watch", lambda: keep_watching(link.count_queue))
            await stack.enter_async_context(watching)
        with suppress(TimeoutError):
            await asyncio.wait_for(opened.wait(), settings.bus_start_timeout_s)
        yield link.bus

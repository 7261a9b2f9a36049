"""Builds and runs the task-writer."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from common.addresses import split_amqp_addresses
from common.bus.declarations import DEAD_LETTERS
from common.bus.kept_connection import KeptConnection
from common.bus.publisher import Publisher
from common.observability.admin import open_admin
from common.observability.health import Health
from common.observability.tracing import open_tracing
from common.postgres.database import open_database
from common.runtime.background import running
from common.runtime.gc_tuning import freeze_startup_objects

from task_writer.cleanup import keep_forgetting
from task_writer.consumer.command_consumer import CommandConsumer, Outgoing
from task_writer.consumer.hinting import HintPublisher
from task_writer.consumer.reach import keep_looking
from task_writer.settings import WriterSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Writer:
    """A running task-writer."""

    health: Health
    consumer: CommandConsumer

    async def consuming(self) -> None:
        """Returns once it consumes the command queue."""
        await self.consumer.connection.usable()

    async def drain(self) -> None:
        """Stops consuming, and finishes, acknowledges and answers the batches in progress. Idempotent."""
        self.health.stop()
        await self.consumer.stop_consuming()
        await self.consumer.finish()


@asynccontextmanager
async def open_writer(settings: WriterSettings) -> AsyncIterator[Writer]:
    """A writer that consumes whenever PostgreSQL and RabbitMQ are up. It opens without waiting for either, and drains
    before it closes."""
    health = Health("task-writer", enough=all)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            open_database(settings.writer_database_url, settings, takes_writes=True)
        )
        outgoing = Outgoing(
            replies=Publisher(settings, "task-writer replies", confirmed=False),
            dead_letters=Publisher(settings, "task-writer dead letters", confirmed=True, queue=DEAD_LETTERS),
        )
        hints = HintPublisher(settings)
        consumer = CommandConsumer(
            settings,
            database,
            outgoing,
            concurrent_batches=settings.concurrent_batches,
            announce=hints.announce,
        )
        kept: dict[str, KeptConnection[Any]] = {
            "commands": consumer.connection,
            "replies": outgoing.replies.connection,
            "dead_letters": outgoing.dead_letters.connection,
        }
        health.start(database=database.component, **{name: one.component for name, one in kept.items()})
        await stack.enter_async_context(open_admin(settings, health))
        await stack.enter_async_context(open_tracing(health.service, settings))
        clean_up = partial(
            keep_forgetting,
            database,
            retention_s=settings.command_log_retention_h * 3600,
            interval_s=settings.command_log_cleanup_interval_s,
        )
        await stack.enter_async_context(running("command log clean-up", clean_up))
        for name, one in (kept | {"hints": hints.connection}).items():  # without hints, a writer is ready
            await stack.enter_async_context(running(name, one.keep_open))
        await stack.enter_async_context(running("hints of changes", hints.keep_sending))
        publishing: list[KeptConnection[Any]] = [outgoing.replies.connection, outgoing.dead_letters.connection]
        others: list[KeptConnection[Any]] = [hints.connection]
        if len(split_amqp_addresses(settings.rabbitmq_url)) == 1:  # one node gets no messages that only look
            publishing, others = [], publishing + others
        looking = partial(keep_looking, consumer.connection, publishing, others)
        await stack.enter_async_context(running("command queue watch", looking))
        writer = Writer(health, consumer)
        try:
            yield writer
        finally:
            await writer.drain()
            await hints.send_announced()


async def run(settings: WriterSettings) -> None:
    """Runs the writer until SIGINT or SIGTERM, and drains it then."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with open_writer(settings):
        freeze_startup_objects()
        await stopping.wait()
        log.info("stopping")
    log.info("stopped")

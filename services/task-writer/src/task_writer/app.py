"""Builds and runs the task-writer."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common.bus.broker import Publisher, make_broker
from common.bus.topology import DEAD_LETTERS
from common.observability.admin import open_admin
from common.observability.health import Health, Part
from common.observability.tracing import open_tracing
from common.postgres.database import open_database
from common.runtime.background import running
from common.runtime.gc_tuning import spare_what_is_loaded
from faststream import FastStream
from faststream.rabbit import RabbitBroker

from task_writer.cleanup import keep_forgetting
from task_writer.consumer.command_consumer import CommandConsumer
from task_writer.settings import WriterSettings


@asynccontextmanager
async def open_writer(settings: WriterSettings) -> AsyncIterator[FastStream]:
    """The writer, ready to `run()`. It waits for PostgreSQL and RabbitMQ, finishes what it holds, and then closes."""
    health = Health("task-writer", enough=all)
    replies = Publisher(_make_broker(settings, "replies", health), confirmed=False)
    dead_letter_broker = _make_broker(settings, "dead letters", health)
    dead_letters = Publisher(dead_letter_broker, confirmed=True)
    incoming = _make_broker(settings, "commands", health)
    connections = list(health.parts.values())

    async with open_database(settings.writer_database_url, settings) as database:
        health.parts["database"] = database.part
        consumer = CommandConsumer(
            database, replies=replies, dead_letters=dead_letters, concurrent_batches=settings.concurrent_batches
        )
        consumer.subscribe(incoming)

        async def prepare() -> None:
            await dead_letters.start()
            await dead_letter_broker.declare_queue(DEAD_LETTERS)
            await replies.start()

        async def started() -> None:
            for connection in connections:
                connection.worked()
            health.start()

        async def stopping() -> None:
            health.stop()

        async def clean_up() -> None:
            await keep_forgetting(
                database,
                retention_s=settings.command_log_retention_h * 3600,
                interval_s=settings.command_log_cleanup_interval_s,
            )

        try:
            async with (
                open_admin(settings, health),
                open_tracing(health.service, settings),
                running("command log clean-up", clean_up),
            ):
                yield FastStream(
                    incoming,
                    on_startup=[prepare],
                    after_startup=[started],
                    on_shutdown=[stopping, consumer.stop_consuming, consumer.finish],
                    logger=logging.getLogger("task_writer"),
                )
        finally:
            await consumer.finish()
            await asyncio.gather(replies.stop(), dead_letters.stop())


def _make_broker(settings: WriterSettings, name: str, health: Health) -> RabbitBroker:
    """A connection to be started later, and a part of the service by this name."""
    part = health.parts[name.replace(" ", "_")] = Part()
    part.lost()  # until it is started
    return make_broker(settings, f"task-writer {name}", on_lost=part.lost, on_restored=part.worked)


async def run(settings: WriterSettings) -> None:
    """Runs the writer until SIGINT or SIGTERM."""
    async with open_writer(settings) as app:
        spare_what_is_loaded()
        await app.run()

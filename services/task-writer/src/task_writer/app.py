"""Builds and runs the task-writer."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common.broker import Publisher, make_broker
from common.database import open_database
from common.topology import DEAD_LETTERS
from faststream import FastStream

from task_writer.cleanup import keep_forgetting
from task_writer.handlers import CommandHandler
from task_writer.settings import WriterSettings


@asynccontextmanager
async def open_writer(settings: WriterSettings) -> AsyncIterator[FastStream]:
    """The writer, ready to `run()`. It waits for PostgreSQL and RabbitMQ, finishes what it holds, and then closes."""
    replies = Publisher(make_broker(settings, "task-writer replies"), confirmed=False)
    bury_broker = make_broker(settings, "task-writer dead letters")
    dead_letters = Publisher(bury_broker, confirmed=True)
    incoming = make_broker(settings, "task-writer commands")

    async with open_database(settings.writer_database_url, settings) as database:
        handler = CommandHandler(database, replies=replies, dead_letters=dead_letters)
        handler.subscribe(incoming, concurrent_batches=settings.concurrent_batches)

        async def prepare() -> None:
            await dead_letters.start()
            await bury_broker.declare_queue(DEAD_LETTERS)
            await replies.start()

        housekeeping = asyncio.create_task(
            keep_forgetting(
                database,
                retention_s=settings.command_log_retention_h * 3600,
                interval_s=settings.command_log_cleanup_interval_s,
            )
        )
        try:
            yield FastStream(
                incoming,
                on_startup=[prepare],
                on_shutdown=[handler.take_no_more],
                logger=logging.getLogger("task_writer"),
            )
        finally:
            housekeeping.cancel()
            await handler.finish()
            await replies.stop()
            await dead_letters.stop()


async def run(settings: WriterSettings) -> None:
    """Runs the writer until SIGINT or SIGTERM."""
    async with open_writer(settings) as app:
        await app.run()

"""Dead letters, and an operator at a terminal, for tests of `task-writer dead-letters`."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import aio_pika
from common.bus.topology import DEAD_LETTERS_NAME
from common.contracts.commands import AnyCommand, CommandBatch
from common.postgres.database import Database
from pydantic import SecretStr
from task_writer.dead_letter_queue import open_dead_letters
from task_writer.settings import DeadLetterSettings

from tests.integration.raw_gateway import RawGateway
from tests.reading import read_list

EXECUTABLE = Path(sys.executable).parent / "task-writer"


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit status."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Operator:
    """Someone at a terminal with RABBITMQ_URL set, and WRITER_DATABASE_URL for what replays or shows dead letters."""

    rabbitmq_url: str
    database_url: str | None = None
    retention_h: int = 24

    async def __call__(self, *words: str) -> Said:
        process = await asyncio.create_subprocess_exec(
            EXECUTABLE,
            "dead-letters",
            *words,
            env={
                "PATH": os.environ["PATH"],
                "RABBITMQ_URL": self.rabbitmq_url,
                "COMMAND_LOG_RETENTION_H": str(self.retention_h),
            }
            | ({"WRITER_DATABASE_URL": self.database_url} if self.database_url else {}),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return Said(process.returncode or 0, out.decode(), err.decode())

    async def ids(self) -> list[str]:
        """The ids of all dead letters, in their order."""
        async with open_dead_letters(self.settings()) as queue:
            return [held.dead_letter.id async for held in queue.dead_letters()]

    def settings(self) -> DeadLetterSettings:
        return DeadLetterSettings(rabbitmq_url=SecretStr(self.rabbitmq_url))


async def add_dead_letter(gateway: RawGateway, body: bytes, reason: str = "UniqueViolation 23505 tasks_pkey") -> None:
    """Puts a dead letter into the queue, as the task-writer does."""
    message = aio_pika.Message(
        body,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        headers={"x-reason": reason},
        timestamp=datetime.now(UTC),
    )
    await gateway.channel.default_exchange.publish(message, DEAD_LETTERS_NAME)


def batch(*commands: AnyCommand) -> bytes:
    return CommandBatch(commands=list(commands)).model_dump_json().encode()


async def tasks_of(reader: Database, user_id: UUID) -> dict[str, bool]:
    """The user's tasks: titles, and whether they are completed."""
    return {task["title"]: task["is_completed"] for task in json.loads(await read_list(reader, user_id))}


async def holds(gateway: RawGateway, queue_name: str, count: int) -> bool:
    return await gateway.waiting(queue_name) == count


async def has(reader: Database, user_id: UUID, tasks: dict[str, bool]) -> bool:
    return await tasks_of(reader, user_id) == tasks

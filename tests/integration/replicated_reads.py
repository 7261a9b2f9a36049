"""A primary with a streaming standby, and gateways whose task-readers ask one or the other."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from common.contracts.commands import AnyCommand
from common.postgres.database import Database, open_database
from gateway.app import create_app as create_gateway
from gateway.settings import GatewaySettings
from local_stack.postgres import prepare_postgres
from local_stack.state import open_state
from pydantic import HttpUrl, SecretStr
from task_reader.app import create_app as create_reader
from task_reader.settings import ReaderSettings
from task_writer.migrate import migrate

from tests.conftest import Addresses, new_database, writer_settings
from tests.integration.effects import outcomes
from tests.ports import closed_port
from tests.serving import Answer, Served, serving
from tests.standby import Standby, running_standby


@dataclass(frozen=True)
class Replicated:
    """A standby that has the tables, and the writer's database on the primary."""

    standby: Standby
    addresses: Addresses
    writer: Database

    async def write(self, *commands: AnyCommand) -> int:
        """Carries out a batch on the primary; the revision of its last answer."""
        answered = await outcomes(self.writer, *commands)
        assert {one.status for one in answered} == {"done"}
        return answered[-1].revision or 0

    def replica_reader(self, **given: Any) -> Any:
        """A task-reader on the standby, running while it is open."""
        return _reader(self.standby.at(self.addresses.reader), given)

    def primary_reader(self, **given: Any) -> Any:
        return _reader(self.addresses.reader, given)


@asynccontextmanager
async def running_replicated(directory: Path, programs: Path | None = None) -> AsyncIterator[Replicated]:
    """A primary of its own with a standby, by the programs of that folder. Takes 3 s."""
    async with open_state(directory) as state, AsyncExitStack() as opened:
        primary = await prepare_postgres(state, programs=programs)
        opened.push_async_callback(primary.stop)
        await primary.start()
        addresses = Addresses.of(await new_database(primary, "replicated"))
        migrate(addresses.migration_settings())
        settings = writer_settings(addresses)
        standby = await opened.enter_async_context(running_standby(state, primary, programs))
        writer = await opened.enter_async_context(open_database(settings.writer_database_url, settings))
        yield Replicated(standby, addresses, writer)


def _reader(url: str, given: dict[str, Any]) -> Any:
    return serving(create_reader(ReaderSettings(reader_database_url=SecretStr(url), port=0, **given)))


@asynccontextmanager
async def gateway_before(reader: Served, *, primary: Served | None = None, **given: Any) -> AsyncIterator[Served]:
    """A gateway without RabbitMQ before this task-reader, and another one on the primary."""
    async with AsyncExitStack() as opened:
        settings = GatewaySettings(
            reader_url=_address(reader),
            reader_primary_url=None if primary is None else _address(primary),
            rabbitmq_url=SecretStr(f"amqp://127.0.0.1:{opened.enter_context(closed_port())}"),
            bus_start_timeout_s=0.001,
            port=0,
            **given,
        )
        yield await opened.enter_async_context(serving(create_gateway(settings)))


def _address(reader: Served) -> HttpUrl:
    return HttpUrl(f"http://127.0.0.1:{reader.port}")


def paths_of(user: UUID, task: UUID, since: int) -> dict[str, str]:
    """Each kind of read of a user, by its name."""
    tasks = f"/api/{user}/tasks"
    return {
        "task": f"{tasks}/{task}",
        "list": tasks,
        "page": f"{tasks}?limit=10",
        "search": f"{tasks}?q=l",
        "changes": f"/api/{user}/changes?since={since}",
        "all changes": f"/api/{user}/changes",
    }


def titles(answer: Answer) -> list[str]:
    """The titles in the answer to any kind of read, newest first."""
    shown = json.loads(answer.body)
    if isinstance(shown, list):
        return [task["title"] for task in shown]
    return [task["title"] for task in shown.get("changed", [shown])]

"""The gateway and the task-writer as they are, in this process, on real servers, with lines in between."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
from common.bus.broker import connect_to
from common.bus.topology import COMMANDS_NAME
from gateway.app import create_app as create_gateway
from gateway.settings import GatewaySettings
from local_stack.rabbitmq import Rabbitmq
from pydantic import HttpUrl, SecretStr
from task_writer.app import open_writer
from task_writer.consumer import hinting, reach
from task_writer.settings import WriterSettings

from tests.conftest import Addresses
from tests.counts import costs
from tests.counts.bus_traffic import BusTraffic, bus_traffic
from tests.counts.gateway_client import creates, gateway_client
from tests.counts.json_parses import counting_json
from tests.counts.line import NEVER_S, PATIENCE_S, Line, line_to
from tests.counts.sql_traffic import SqlTraffic, sql_traffic
from tests.ports import closed_port
from tests.waiting import eventually

DECLARED_EXCHANGE = "40.11"  # RabbitMQ's answer, by class and method


@dataclass(frozen=True)
class WriteTraffic:
    """What passed between the writer and PostgreSQL, and between RabbitMQ and either service."""

    sql: SqlTraffic
    gateway: BusTraffic
    writer: BusTraffic

    def __sub__(self, earlier: "WriteTraffic") -> "WriteTraffic":
        return WriteTraffic(self.sql - earlier.sql, self.gateway - earlier.gateway, self.writer - earlier.writer)


@dataclass(frozen=True)
class _Lines:
    to_postgres: Line
    of_gateway: Line
    of_writer: Line

    def traffic(self) -> WriteTraffic:
        return WriteTraffic(sql_traffic(self.to_postgres), bus_traffic(self.of_gateway), bus_traffic(self.of_writer))

    async def settled(self) -> bool:
        """Whether every batch was confirmed, delivered, acknowledged and answered, as far as is to be seen here.

        What came back is no batch: the gateway's question, when it connects, whether it may publish.
        """
        gateway, writer = bus_traffic(self.of_gateway), bus_traffic(self.of_writer)
        returned = gateway.received.frames["return"]
        steps = {
            gateway.sent.frames["publish"] - returned,
            gateway.received.frames["ack"] - returned,
            writer.received.frames["deliver"],
            writer.sent.frames["ack"],
            gateway.received.frames["deliver"],
            writer.sent.frames["publish"] - writer.received.frames["return"] - writer.sent.frames["ack"],
        }
        return len(steps) == 1


@dataclass(frozen=True)
class CountedWrites:
    """A system that was warmed up by one write. Its counts are of what came after, and complete once it is closed.

    The task-writer's pool has one connection: what it asks of PostgreSQL when it starts comes before the warm-up.
    """

    gateway: httpx.AsyncClient
    lines: _Lines
    at_start: WriteTraffic
    parses: Counter[str]

    @property
    def traffic(self) -> WriteTraffic:
        return self.lines.traffic() - self.at_start


@asynccontextmanager
async def counted_writes(addresses: Addresses, rabbitmq: Rabbitmq) -> AsyncIterator[CountedWrites]:
    """Takes 0.3 s. Its gateway has no task-reader."""
    await _delete_commands(rabbitmq)
    async with AsyncExitStack() as opened:
        parses = opened.enter_context(counting_json())
        lines = _Lines(
            await opened.enter_async_context(line_to(addresses.writer)),
            await opened.enter_async_context(line_to(rabbitmq.url)),
            await opened.enter_async_context(line_to(rabbitmq.url)),
        )
        await _start_writer(opened, lines, addresses, rabbitmq)
        settings = GatewaySettings(
            reader_url=HttpUrl(f"http://127.0.0.1:{opened.enter_context(closed_port())}"),
            rabbitmq_url=SecretStr(lines.of_gateway.address(rabbitmq.url)),
            write_deadline_s=PATIENCE_S,
            port=0,
        )
        gateway = await opened.enter_async_context(gateway_client(create_gateway(settings)))
        await eventually(lambda: _can_write(gateway))
        await eventually(lines.settled)
        parses.clear()
        yield CountedWrites(gateway, lines, lines.traffic(), parses)
        await eventually(lines.settled)


async def _start_writer(opened: AsyncExitStack, lines: _Lines, addresses: Addresses, rabbitmq: Rabbitmq) -> None:
    settings = WriterSettings(
        writer_database_url=SecretStr(lines.to_postgres.address(addresses.writer)),
        rabbitmq_url=SecretStr(lines.of_writer.address(rabbitmq.url)),
        pool_size=1,
        pool_timeout_s=PATIENCE_S,
    )
    patches = opened.enter_context(pytest.MonkeyPatch.context())
    patches.setattr(hinting, "PAUSE_S", 0.0)  # batches share no hints, so that they can be counted
    patches.setattr(reach, "LOOK_EVERY_S", NEVER_S)  # a look at the queue is of no batch
    writer = await opened.enter_async_context(open_writer(settings))
    await writer.consuming()
    await eventually(lambda: _may_tell(lines))
    await eventually(lambda: _has_started(lines))


async def _has_started(lines: _Lines) -> bool:
    """PostgreSQL has answered what a task-writer asks first: the bus may be faster, and then a batch as well."""
    return sql_traffic(lines.to_postgres).statements >= costs.WRITER_START.statements


async def _may_tell(lines: _Lines) -> bool:
    """The exchange of the hints is declared, so that each batch has one."""
    return bool(bus_traffic(lines.of_writer).received.frames[DECLARED_EXCHANGE])


async def _can_write(gateway: httpx.AsyncClient) -> bool:
    """Sends nothing to the bus before it is up."""
    (request,) = creates(1)
    return (await gateway.send(request)).is_success


async def _delete_commands(rabbitmq: Rabbitmq) -> None:
    """Whatever another test has left there would be counted."""
    async with await connect_to(rabbitmq.url) as connection:
        await (await connection.channel()).queue_delete(COMMANDS_NAME)

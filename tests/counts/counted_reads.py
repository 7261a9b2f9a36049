"""The gateway and the task-reader as they are, in this process, on a real PostgreSQL, with lines in between."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
from gateway import reader_link
from gateway.app import create_app as create_gateway
from gateway.settings import GatewaySettings
from pydantic import HttpUrl, SecretStr
from task_reader import replication
from task_reader.app import create_app as create_reader
from task_reader.settings import ReaderSettings

from tests.commands import create
from tests.conftest import Addresses
from tests.counts.gateway_client import ask_at_once, gateway_client, lists
from tests.counts.http_traffic import HttpTraffic, http_traffic
from tests.counts.json_parses import counting_json
from tests.counts.line import NEVER_S, PATIENCE_S, Line, line_to
from tests.counts.sql_traffic import SqlTraffic, sql_traffic
from tests.ports import closed_port
from tests.serving import Served, serving


@dataclass(frozen=True)
class CountedReads:
    """A system that was warmed up by one read. Its counts are of what came after, and complete once it is closed.

    The task-reader's pool has one connection: what it asks of PostgreSQL when it starts comes before the warm-up.
    """

    gateway: httpx.AsyncClient
    reader: Served
    to_reader: Line
    to_postgres: Line
    http_at_start: HttpTraffic
    sql_at_start: SqlTraffic
    parses: Counter[str]

    @property
    def http(self) -> HttpTraffic:
        return http_traffic(self.to_reader) - self.http_at_start

    @property
    def sql(self) -> SqlTraffic:
        return sql_traffic(self.to_postgres) - self.sql_at_start


@asynccontextmanager
async def counted_reads(addresses: Addresses) -> AsyncIterator[CountedReads]:
    """Takes 0.2 s. Its gateway has no RabbitMQ."""
    async with AsyncExitStack() as opened:
        parses = opened.enter_context(counting_json())
        patches = opened.enter_context(pytest.MonkeyPatch.context())
        patches.setattr(replication, "FIRST_LOOK_S", NEVER_S)  # a look at the replication is of no read
        patches.setattr(reader_link, "_RENEW_EVERY_S", NEVER_S)  # nor is another connection
        to_postgres = await opened.enter_async_context(line_to(addresses.reader))
        reader_url = SecretStr(to_postgres.address(addresses.reader))
        reader_app = create_reader(
            ReaderSettings(reader_database_url=reader_url, pool_size=1, pool_timeout_s=PATIENCE_S, port=0)
        )
        reader = await opened.enter_async_context(serving(reader_app))
        to_reader = await opened.enter_async_context(line_to(f"http://127.0.0.1:{reader.port}"))
        settings = GatewaySettings(
            reader_url=HttpUrl(f"http://127.0.0.1:{to_reader.port}"),
            rabbitmq_url=SecretStr(f"amqp://127.0.0.1:{opened.enter_context(closed_port())}"),
            read_timeout_s=PATIENCE_S,
            bus_start_timeout_s=0.001,
            port=0,
        )
        gateway = await opened.enter_async_context(gateway_client(create_gateway(settings)))
        await ask_at_once(gateway, lists([create()]))
        parses.clear()
        yield CountedReads(
            gateway, reader, to_reader, to_postgres, http_traffic(to_reader), sql_traffic(to_postgres), parses
        )

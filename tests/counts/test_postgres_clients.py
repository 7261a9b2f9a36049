"""Who talks to PostgreSQL."""

import psycopg
from gateway.settings import GatewaySettings
from local_stack.postgres import Postgres
from local_stack.rabbitmq import Rabbitmq
from task_writer.migrate import migrate

from tests.commands import create
from tests.conftest import Addresses, new_database
from tests.counts.counted_reads import counted_reads
from tests.counts.counted_writes import counted_writes
from tests.counts.gateway_client import ask_at_once, creates, lists
from tests.waiting import eventually


async def test_a_gateway_that_reads_and_writes_has_no_connection_to_postgresql(
    postgres: Postgres, rabbitmq: Rabbitmq
) -> None:
    addresses = Addresses.of(await new_database(postgres, "counted"))
    migrate(addresses.migration_settings())
    await eventually(lambda: is_left_alone(postgres, "counted"))

    async with counted_reads(addresses) as reads, counted_writes(addresses, rabbitmq) as writes:
        await ask_at_once(reads.gateway, lists([create()]))
        await ask_at_once(writes.gateway, creates(1))
        clients = await clients_of(postgres, "counted")

    assert clients == {"taskwire_reader": 1, "taskwire_writer": 1}


def test_a_gateway_has_no_address_of_postgresql() -> None:
    assert [name for name in GatewaySettings.model_fields if "database" in name or "postgres" in name] == []


async def test_a_connection_of_anyone_else_is_seen(postgres: Postgres, owner: psycopg.AsyncConnection) -> None:
    clients = await clients_of(postgres, owner.info.dbname)

    assert "taskwire_owner" in clients


async def is_left_alone(postgres: Postgres, database: str) -> bool:
    """Once the migration's connection has ended at the server too."""
    return not await clients_of(postgres, database)


async def clients_of(postgres: Postgres, database: str) -> dict[str, int]:
    """How many connections each role has."""
    sql = """
        select usename, count(*) from pg_stat_activity
        where datname = %s and backend_type = 'client backend' group by usename
    """
    async with await psycopg.AsyncConnection.connect(postgres.superuser_url) as connection:
        return dict(await (await connection.execute(sql, [database])).fetchall())

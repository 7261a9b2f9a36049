"""What an unchanged list costs that the task-reader has in memory: no look at the table of tasks, and a few bytes."""

from collections.abc import Sequence

import psycopg
import pytest
from common.contracts.commands import CreateTask
from common.contracts.reads import Read
from common.postgres.database import Database
from psycopg import AsyncClientCursor
from task_reader.cached_reads import answer_cached
from task_reader.list_cache import ListCache
from task_reader.queries import answer_reads
from task_writer.batches import carry_out

from tests.commands import create
from tests.conftest import Addresses
from tests.counts import costs
from tests.counts.conftest import TaskMaker
from tests.counts.counted_reads import counted_reads
from tests.counts.gateway_client import ask_at_once, lists
from tests.counts.http_traffic import HttpTraffic
from tests.counts.test_conditional_reads import SCANS


@pytest.mark.parametrize("size", [1, 8])
async def test_a_batch_of_lists_from_memory_is_one_round_trip_as_any(
    addresses: Addresses, make_tasks: TaskMaker, size: int
) -> None:
    tasks = await make_tasks(size)

    async with counted_reads(addresses) as system:
        first = await ask_at_once(system.gateway, lists(tasks))
        second = await ask_at_once(system.gateway, lists(tasks))

    assert [one.content for one in first] == [one.content for one in second]
    assert system.http == HttpTraffic(requests=2)
    assert system.sql == costs.reads(size) + costs.reads(size)


async def test_a_list_from_memory_looks_at_no_task(addresses: Addresses, writer_database: Database) -> None:
    tasks = await tasks_of_one_user(writer_database, 100)
    cache, read = ListCache(2**20), Read(user_id=tasks[0].user_id)
    connecting = psycopg.AsyncConnection.connect(addresses.reader, cursor_factory=AsyncClientCursor)

    async with await connecting as reader:

        async def ask(reads: Sequence[Read]) -> list[bytes | None]:
            return await answer_reads(reader, reads)

        rendered = await answer_cached([read], ask, cache)
        scans = await scans_so_far(reader)
        from_memory = await answer_cached([read], ask, cache)
        scans_then = await scans_so_far(reader)

    assert from_memory == rendered
    assert scans > 0
    assert scans_then - scans == costs.SCANS_OF_A_KNOWN_LIST


async def test_a_list_from_memory_comes_from_postgresql_in_as_few_bytes_whatever_its_length(
    addresses: Addresses, writer_database: Database
) -> None:
    short, long = [await tasks_of_one_user(writer_database, length) for length in (1, 100)]

    async with counted_reads(addresses) as system:
        received = []
        for tasks in (short, long):
            await ask_at_once(system.gateway, lists(tasks[:1]))
            before = sum(map(len, system.to_postgres.to_client))
            await ask_at_once(system.gateway, lists(tasks[:1]))
            received.append(sum(map(len, system.to_postgres.to_client)) - before)

    assert received[0] == received[1] <= costs.UNCHANGED_LIST_MAX_BYTES


async def tasks_of_one_user(writer: Database, length: int) -> list[CreateTask]:
    user = create().user_id
    tasks = [create(user) for _ in range(length)]
    await carry_out(writer, tasks)
    return tasks


async def scans_so_far(reader: psycopg.AsyncConnection) -> int:
    row = await (await reader.execute(SCANS.encode())).fetchone()
    assert row is not None
    scans: int = row[0]
    return scans

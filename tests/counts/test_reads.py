"""What reads cost, from the gateway to PostgreSQL."""

from collections import Counter
from collections.abc import Callable, Sequence

import httpx
import pytest
from common.contracts.commands import CreateTask

from tests.conftest import Addresses
from tests.counts import costs
from tests.counts.conftest import TaskMaker
from tests.counts.counted_reads import CountedReads, counted_reads
from tests.counts.gateway_client import ask_at_once, deltas, finds, lists
from tests.counts.http_traffic import HttpTraffic

type Requests = Callable[[Sequence[CreateTask]], list[httpx.Request]]

EVERY_BATCH = [(lists, 1), (lists, 8), (finds, 1), (finds, 8), (finds, 32), (deltas, 1), (deltas, 8)]
"""Eight lists and 32 tasks are the most that share a batch."""


async def one_batch(addresses: Addresses, requests: Sequence[httpx.Request]) -> CountedReads:
    async with counted_reads(addresses) as system:
        await ask_at_once(system.gateway, requests)
    return system


@pytest.mark.parametrize(("requests", "size"), EVERY_BATCH)
async def test_a_batch_of_reads_is_one_request_one_round_trip_and_two_statements_a_read(
    addresses: Addresses, make_tasks: TaskMaker, requests: Requests, size: int
) -> None:
    tasks = await make_tasks(size)

    system = await one_batch(addresses, requests(tasks))

    assert system.http == HttpTraffic(requests=1)
    assert system.sql == costs.reads(size)


@pytest.mark.parametrize(("requests", "size"), EVERY_BATCH)
async def test_json_of_reads_is_parsed_once_a_batch_and_by_the_task_reader_alone(
    addresses: Addresses, make_tasks: TaskMaker, requests: Requests, size: int
) -> None:
    tasks = await make_tasks(size)

    system = await one_batch(addresses, requests(tasks))

    assert system.parses == Counter(task_reader=1)


async def test_batches_over_kept_connections_cost_no_more_than_the_first(
    addresses: Addresses, make_tasks: TaskMaker
) -> None:
    tasks = await make_tasks(8)

    async with counted_reads(addresses) as system:
        for _ in range(3):
            await ask_at_once(system.gateway, finds(tasks))

    assert system.http == HttpTraffic(requests=3)
    assert system.sql == costs.reads(8) + costs.reads(8) + costs.reads(8)


async def test_a_read_at_the_task_reader_itself_is_one_round_trip(addresses: Addresses, make_tasks: TaskMaker) -> None:
    (task,) = await make_tasks(1)

    async with counted_reads(addresses) as system:
        for path in (f"/api/{task.user_id}/tasks", f"/api/{task.user_id}/tasks/{task.task_id}"):
            answer = await system.reader.ask("GET", path)
            assert answer.status == 200

    assert system.sql == costs.reads(1) + costs.reads(1)
    assert system.parses == Counter()


async def test_a_task_reader_asks_two_questions_when_it_starts(addresses: Addresses) -> None:
    async with counted_reads(addresses) as system:
        pass

    assert system.sql_at_start == costs.READER_START + costs.reads(1)

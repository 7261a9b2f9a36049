"""What a read costs whose answer the client has: no row of tasks for a list, and no JSON."""

from collections.abc import Callable, Sequence
from uuid import UUID

import httpx
import psycopg
import pytest
from common.contracts.commands import CreateTask
from psycopg.rows import scalar_row

from tests.conftest import Addresses
from tests.counts import costs
from tests.counts.conftest import TaskMaker
from tests.counts.counted_reads import counted_reads
from tests.counts.gateway_client import ask_at_once, finds, lists
from tests.counts.http_traffic import HttpTraffic

SCANS = "select seq_scan + coalesce(idx_scan, 0) from pg_stat_xact_user_tables where relname = 'tasks'"


@pytest.mark.parametrize(("requests", "size"), [(lists, 1), (lists, 8), (finds, 1), (finds, 32)])
async def test_a_batch_of_reads_that_are_304_is_one_round_trip_as_any(
    addresses: Addresses,
    make_tasks: TaskMaker,
    requests: Callable[[Sequence[CreateTask]], list[httpx.Request]],
    size: int,
) -> None:
    tasks = await make_tasks(size)

    async with counted_reads(addresses) as system:
        answers = await ask_at_once(system.gateway, requests(tasks))
        again = requests(tasks)
        for request, answer in zip(again, answers, strict=True):
            request.headers["If-None-Match"] = answer.headers["etag"]
        unchanged = await ask_at_once(system.gateway, again)

    assert {answer.status_code for answer in unchanged} == {304}
    assert system.http == HttpTraffic(requests=2)
    assert system.sql == costs.reads(size) + costs.reads(size)


async def test_a_list_that_is_known_looks_at_no_task(addresses: Addresses, make_tasks: TaskMaker) -> None:
    (task,) = await make_tasks(1)

    whole, scans = read_in_a_transaction(addresses, task.user_id, known=None)
    revision = int(whole.partition(" ")[0])
    same, no_scans = read_in_a_transaction(addresses, task.user_id, known=revision)

    assert (same, no_scans) == (str(revision), costs.SCANS_OF_A_KNOWN_LIST)
    assert scans > no_scans


def read_in_a_transaction(addresses: Addresses, user_id: UUID, *, known: int | None) -> tuple[str, int]:
    """The answer of PostgreSQL to a list, and how often it has looked into the table of tasks for it."""
    with psycopg.connect(addresses.reader, row_factory=scalar_row) as reader:
        answer = reader.execute("select read_tasks(%s, %s)", [user_id, known]).fetchone()
        scans = reader.execute(SCANS).fetchone()
    assert answer is not None
    assert scans is not None
    return answer, scans

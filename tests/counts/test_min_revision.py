"""A read that names a revision costs no round trip more, and one that names none is asked for as before."""

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

EVERY_BATCH = [(lists, 1), (lists, 8), (finds, 1), (finds, 32), (deltas, 8)]


async def one_batch(addresses: Addresses, requests: Sequence[httpx.Request]) -> CountedReads:
    async with counted_reads(addresses) as system:
        await ask_at_once(system.gateway, requests)
    return system


def sent(system: CountedReads) -> bytes:
    """All that PostgreSQL was asked."""
    return b"".join(system.to_postgres.to_server)


@pytest.mark.parametrize(("requests", "size"), EVERY_BATCH)
async def test_a_batch_of_reads_that_name_revisions_is_one_round_trip_as_any(
    addresses: Addresses, make_tasks: TaskMaker, requests: Requests, size: int
) -> None:
    named = requests(await make_tasks(size))
    for request in named:
        request.headers["Min-Revision"] = "7"

    system = await one_batch(addresses, named)

    assert (system.http, system.sql) == (HttpTraffic(requests=1), costs.reads(size))
    assert sent(system).count(b"not_reached(") == size


@pytest.mark.parametrize("requests", [lists, finds])
async def test_a_read_that_names_none_has_nothing_of_it(
    addresses: Addresses, make_tasks: TaskMaker, requests: Requests
) -> None:
    tasks = await make_tasks(8)

    system = await one_batch(addresses, requests(tasks))

    assert b"not_reached" not in sent(system)
    assert b"min_revision" not in b"".join(system.to_reader.to_server)

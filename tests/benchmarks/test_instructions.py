"""Instructions of a running process are counted, and a cost that has grown is told from one that has not."""

import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from local_stack.ports import pick_port
from local_stack.probes import http_status, listens
from local_stack.settings import find_program, server_environment
from local_stack.state import State
from local_stack.supervision import Process, Program
from local_stack.waiting import until

from benchmarks.callgrind import Counter, restart_counted
from benchmarks.instructions import Cost, as_json, dearer, table
from benchmarks.measuring import Spread

NEEDS_VALGRIND = pytest.mark.skipif(
    find_program("callgrind_control") is None, reason="NOT TESTED: needs Debian's package valgrind"
)
GET = Cost("GET one task", "gateway", Spread(median=1_030_000.0, least=1_020_000.0, greatest=1_040_000.0))


@pytest.fixture
async def server(state: State) -> AsyncIterator[tuple[str, Process]]:
    """A small program that answers requests."""
    port = pick_port()
    arguments = (sys.executable, "-S", "-m", "http.server", "--bind", "127.0.0.1", str(port))
    process = Process(Program("small-server", arguments, server_environment()), state)
    yield f"http://127.0.0.1:{port}", process
    await process.stop()


@NEEDS_VALGRIND
async def test_twice_as_many_requests_cost_twice_the_instructions(server: tuple[str, Process], tmp_path: Path) -> None:
    url, process = server

    counter = await restart_counted(process, tmp_path)
    await until(partial(listens, int(url.rpartition(":")[2])), within_s=60)
    await counter.begin()
    await cost_of(counter, url, 10)
    some, twice = await cost_of(counter, url, 10), await cost_of(counter, url, 20)

    assert some > 100_000
    assert twice == pytest.approx(2 * some, rel=0.1)


async def cost_of(counter: Counter, url: str, requests: int) -> int:
    await counter.reset()
    for _ in range(requests):
        assert await http_status("HEAD", f"{url}/missing") == 404
    return await counter.read()


def test_a_cost_is_compared_with_what_it_was() -> None:
    before = {"GET one task": {"gateway": 950_000.0}}

    assert dearer([GET], before) == [GET]
    assert dearer([GET], {"GET one task": {"gateway": 970_000.0}}) == []
    assert dearer([GET], {}) == []
    assert list(table([GET], before))[1].split()[-3:] == ["1,030", "(1,020..1,040)", "1.084"]
    assert as_json([GET])["GET one task"]["gateway"]["median"] == 1_030_000.0

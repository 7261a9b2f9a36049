"""Requests arrive when they are due, and each latency counts from then: a pause of the server is in all of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from local_stack.stack import Stack
from starlette.requests import Request
from starlette.responses import Response

from benchmarks.arrivals import due_times_ns, offer, percentile
from benchmarks.dataset import SMALL, Group, changed_lists, fill, gets_of_lists, write_requests
from benchmarks.latency import WORKS, Offered, Plan, as_json, measure, table
from benchmarks.load import LoadFailed
from benchmarks.open_loop import offer as offer_from_a_process
from benchmarks.open_loop import peak
from benchmarks.opponents import bare as bare_app
from benchmarks.scenarios import SCENARIOS, Goals, Scenario
from benchmarks.systems import database_url, own_postgres, product
from tests.serving import Served, serving

PAUSE_S = 0.6


@pytest.fixture
async def pausing() -> AsyncIterator[str]:
    """A server whose first answer takes long, and no other."""
    app = bare_app.create_app()
    paused: list[bool] = []

    async def pause(_: Request) -> Response:
        if not paused:
            paused.append(True)
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), PAUSE_S)
        return Response()

    app.add_route("/pause", pause)
    async with serving(app) as served:
        yield f"http://127.0.0.1:{served.port}"


def requests_file(directory: Path, *lines: str) -> Path:
    path = directory / "requests.txt"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_requests_are_due_at_random_at_the_rate_that_was_asked_for() -> None:
    times = due_times_ns(1_000, 10_000)

    assert times == sorted(times)
    assert times[-1] / 1e9 == pytest.approx(10, rel=0.05)
    gaps = {later - earlier for earlier, later in pairwise(times)}
    assert len(gaps) > 9_000


def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed() -> None:
    ordered = list(range(1, 1001))

    assert [percentile(ordered, share) for share in (0.5, 0.99, 0.999)] == [500, 990, 999]
    assert percentile([7], 0.999) == 7
    assert percentile([], 0.5) == 0


async def test_every_request_of_the_file_is_sent_and_answered(bare: Served, tmp_path: Path) -> None:
    requests = requests_file(tmp_path, "GET /ok", 'POST /echo {"title": "Buy milk"}')

    latencies = await offer_from_a_process(f"http://127.0.0.1:{bare.port}", requests, rate=300, seconds=0.5)

    assert 0 < latencies.p50_ms <= latencies.p99_ms <= latencies.p99_9_ms


async def test_who_comes_during_a_pause_waits_for_its_end(pausing: str, tmp_path: Path) -> None:
    figures = await offer(pausing, requests_file(tmp_path, "GET /pause"), rate=200, count=200, connections=1)

    assert figures["requests"] == 200
    assert figures["waited"] >= 60  # half of the 120 that come meanwhile
    assert figures["p99_us"] > 0.8 * PAUSE_S * 1e6
    assert figures["p50_us"] > 10_000


async def test_an_error_answer_or_a_lost_server_fails_the_load(bare: Served, tmp_path: Path) -> None:
    requests = requests_file(tmp_path, "GET /ok", "GET /missing")
    url = f"http://127.0.0.1:{bare.port}"

    with pytest.raises(LoadFailed, match="failed"):
        await offer_from_a_process(url, requests, rate=100, seconds=0.1)
    with pytest.raises(LoadFailed, match="ended with status"):
        await offer_from_a_process("http://127.0.0.1:1", requests, rate=100, seconds=0.1)


async def test_a_work_is_measured_at_both_shares_of_its_peak(stack: Stack, tmp_path: Path) -> None:
    work = Scenario("GET list", 8, lambda: gets_of_lists(SMALL, 100), Goals())
    requests = write_requests(tmp_path / "requests.txt", work.requests())

    offered = await measure(product(stack), work, requests, Plan(rounds=2, seconds=0.3))

    assert [(one.share, len(one.rounds), one.failed) for one in offered] == [(0.5, 2, 0), (0.8, 2, 0)]
    shown = list(table(offered))
    assert [line.split()[2] for line in shown[1:3]] == ["50%", "80%"]
    kept = as_json(offered[0])
    assert 0 < kept["p50_ms"] <= kept["p99_9_ms"]


async def test_lists_that_change_before_each_read_are_answered(stack: Stack, tmp_path: Path) -> None:
    few = Group(users=3, tasks_each=4)
    await fill(database_url(own_postgres(stack).superuser_url, "taskwire"), few)
    requests = write_requests(tmp_path / "requests.txt", changed_lists(few, 20))

    latencies = await offer_from_a_process(product(stack).url, requests, rate=100, seconds=0.4)

    assert latencies.p50_ms > 0


def test_a_work_with_errors_in_every_round_has_no_figures() -> None:
    failed = Offered("POST", 100.0, 0.8, [], failed=3, foreign_cores=0.0)

    assert "errors in every round" in list(table([failed]))[1]
    assert "p50_ms" not in as_json(failed)


def test_every_work_is_measured_once() -> None:
    assert [work.name for work in WORKS] == list(dict.fromkeys(scenario.name for scenario in SCENARIOS))


async def test_the_peak_is_that_of_a_closed_loop(bare: Served, tmp_path: Path) -> None:
    assert await peak(f"http://127.0.0.1:{bare.port}", requests_file(tmp_path, "GET /ok"), seconds=0.1) > 100

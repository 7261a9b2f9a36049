"""Cores take as many jobs at once as they are, and a process works in turns, as an event loop does."""

import asyncio
from collections.abc import Callable

import pytest

from benchmarks.simulation.processors import Cores, Process
from benchmarks.simulation.rows import Rows
from benchmarks.simulation.virtual_time import run
from tests.benchmarks.simulation.numbered import user


async def ends(start: Callable[[Callable[[], None]], None], jobs: int) -> list[float]:
    """When each of so many jobs ends that are started at once."""
    loop, ended = asyncio.get_running_loop(), list[float]()
    for _ in range(jobs):
        start(lambda: ended.append(loop.time()))
    await asyncio.sleep(100)
    return ended


def test_jobs_beyond_the_cores_wait() -> None:
    async def work() -> list[float]:
        cores = Cores(2)
        return await ends(lambda then: cores.run([(1.0, then)]), jobs=5)

    assert run(work()) == pytest.approx([1, 1, 2, 2, 3])


def test_a_process_does_one_thing_after_the_other_and_counts_it() -> None:
    spent: list[float] = []

    async def work() -> list[float]:
        process = Process(Cores(8), spent.append)
        return await ends(lambda then: process.run(1.0, then), jobs=3)

    assert run(work()) == pytest.approx([1, 2, 3])
    assert sum(spent) == pytest.approx(3)


def test_what_belongs_together_follows_at_the_end_of_the_turn() -> None:
    async def work() -> list[float]:
        process = Process(Cores(8), lambda _: None)
        return await ends(lambda then: process.run_together(1.0, then), jobs=3)

    assert run(work()) == pytest.approx([3, 3, 3])


def test_a_turn_does_not_take_what_comes_while_it_runs() -> None:
    async def work() -> list[float]:
        loop, ended = asyncio.get_running_loop(), list[float]()
        process = Process(Cores(1), lambda _: None)
        process.run_together(1.0, lambda: ended.append(loop.time()))
        loop.call_later(0.5, process.run_together, 1.0, lambda: ended.append(loop.time()))
        await asyncio.sleep(100)
        return ended

    assert run(work()) == pytest.approx([1, 2])


def test_a_row_has_one_holder_and_serves_the_others_in_order() -> None:
    async def work() -> list[tuple[int, float]]:
        rows, held = Rows(), list[tuple[int, float]]()

        async def hold(number: int, of: int) -> None:
            await rows.lock(user(of))
            await asyncio.sleep(1)
            held.append((number, asyncio.get_running_loop().time()))
            rows.unlock(user(of))

        await asyncio.gather(hold(1, of=1), hold(2, of=1), hold(3, of=1), hold(4, of=2))
        return held

    assert run(work()) == [(1, 1.0), (4, 1.0), (2, 2.0), (3, 3.0)]

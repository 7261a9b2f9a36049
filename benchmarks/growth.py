"""`make bench-growth`: how cost grows with the length of lists, the number of connections and the size of the table.

About twelve minutes; `QUICK=1` leaves out the table of ten million rows and takes about three.
"""

import asyncio
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_stack.stack import Stack

from benchmarks.big_table import indexes_used, refill
from benchmarks.dataset import SMALL, Group, fill, gets_of_lists, gets_of_tasks, mixed, posts, write_requests
from benchmarks.growth_pictures import Point, draw
from benchmarks.load import Pressure, prepare_generator
from benchmarks.machine import describe
from benchmarks.measuring import cpu_per_request, summary, take_turns, warm_up
from benchmarks.report import measured_on, runs_as_json, show, show_blocks
from benchmarks.results import keep_json
from benchmarks.scenarios import OPPONENTS
from benchmarks.settings import load
from benchmarks.systems import System, database_url, own_postgres, product, running_opponent, running_product

LISTS = tuple(Group(users, tasks) for users, tasks in ((500, 10), (100, 100), (20, 1_000), (4, 10_000)))
LIST_CONNECTIONS = 8
CONNECTIONS = (1, 8, 32, 128, 512)
ROWS = (10_000, 1_000_000, 10_000_000)
ROW_CONNECTIONS = 32


@dataclass(frozen=True)
class Work:
    """Requests of one kind, and the size that grows."""

    name: str
    size: int
    connections: int
    requests: Iterator[str]


@dataclass(frozen=True)
class Bench:
    """Where and how long to measure."""

    directory: Path
    seconds: int
    rounds: int

    async def measure(self, systems: Sequence[System], work: Work) -> Point:
        """Measures one point of the curves, and prints it."""
        path = write_requests(self.directory / "requests.txt", work.requests)
        runs = await take_turns(systems, path, Pressure(work.connections, self.seconds), self.rounds)
        for name, its_runs in runs.items():
            figures, cpu_ms = summary(its_runs), sum(cpu_per_request(its_runs).values())
            show(
                f"{work.name:<15} {work.size:>10,} {name:<9} {figures['requests_per_s'].median:9,.1f}/s"
                f"  p50 {figures['median_ms'].median:8.1f} ms  p99 {figures['p99_ms'].median:8.1f} ms"
                f"  CPU {cpu_ms:8.3f} ms"
            )
        return Point(work.name, work.size, runs)


async def main(*, quick: bool) -> None:
    """Measures, prints and keeps all three growths."""
    await prepare_generator(show)
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), seconds=2 if quick else 3, rounds=1 if quick else 3)
        async with running_product(bench.directory / "stack") as stack:
            facts = await describe(stack)
            show_blocks([measured_on(facts)])
            growth = await beside_opponents(bench, stack)
            growth["rows"], plans = await grow_rows(bench, stack, ROWS[:2] if quick else ROWS)
    points = {
        sweep: [{"work": one.work, "size": one.size, "systems": _as_json(one)} for one in points]
        for sweep, points in growth.items()
    }
    keep_json("growth", {**facts, **points, "indexes": plans})
    draw(growth)


async def beside_opponents(bench: Bench, stack: Stack) -> dict[str, list[Point]]:
    """Longer lists, and more connections, for all systems."""
    postgres = own_postgres(stack)
    systems = [product(stack)]
    await fill(database_url(postgres.superuser_url, "taskwire"), SMALL, *LISTS)
    async with AsyncExitStack() as running:
        for opponent in OPPONENTS:
            start = running_opponent(postgres, stack.state, opponent, SMALL, *LISTS)
            systems.append(await running.enter_async_context(start))
        await warm_up(systems, write_requests(bench.directory / "requests.txt", mixed()))
        lists = [Work("GET list", group.tasks_each, LIST_CONNECTIONS, gets_of_lists(group)) for group in LISTS]
        works = [
            Work(name, connections, connections, requests)
            for connections in CONNECTIONS
            for name, requests in (("GET one task", gets_of_tasks(SMALL)), ("POST", posts()))
        ]
        return {
            "lists": [await bench.measure(systems, work) for work in lists],
            "connections": [await bench.measure(systems, work) for work in works],
        }


async def grow_rows(
    bench: Bench, stack: Stack, sizes: Sequence[int]
) -> tuple[list[Point], Mapping[str, Mapping[str, list[str]]]]:
    """The product on a larger and larger table, and the indexes that its queries use there."""
    points, plans = [], {}
    for size in sizes:
        group, began = Group(users=size // 20, tasks_each=20), time.monotonic()
        await refill(database_url(own_postgres(stack).superuser_url, "taskwire"), group)
        show(f"a table of {size:,} rows, made in {time.monotonic() - began:.0f} s")
        plans[str(size)] = await indexes_used(stack.addresses.reader_database_url, group)
        for name, requests in (
            ("GET one task", gets_of_tasks(group)),
            ("GET list of 20", gets_of_lists(group)),
            ("POST", posts()),
        ):
            points.append(await bench.measure([product(stack)], Work(name, size, ROW_CONNECTIONS, requests)))
    return points, plans


def _as_json(point: Point) -> dict[str, Any]:
    return {name: runs_as_json(runs) for name, runs in point.runs.items()}


if __name__ == "__main__":
    asyncio.run(main(quick=load().quick))

"""`make bench-instructions`: how many instructions one GET and one POST cost each service, by valgrind's callgrind.

A figure that the load of the machine does not change, unlike CPU time. One request after the other on one connection,
so in batches of one; user space alone, and neither RabbitMQ nor PostgreSQL. What a service does meanwhile on its own is
counted without requests, and subtracted. About four minutes. `STRICT=1` fails when one costs more than 8 % above what
results/instructions.json has.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
from local_stack.services import reads_through, writes_through
from local_stack.stack import Stack
from local_stack.waiting import until

from benchmarks.callgrind import Counter, require_callgrind, restart_counted
from benchmarks.dataset import SMALL, fill, gets_of_tasks, posts
from benchmarks.machine import describe
from benchmarks.measuring import Spread
from benchmarks.report import measured_on, show, show_blocks
from benchmarks.results import RESULTS, keep_json
from benchmarks.settings import load
from benchmarks.systems import database_url, own_postgres, running_product

READY_WITHIN_S = 300.0
WARM_UP, REQUESTS, ROUNDS = 30, 100, 3
TOLERANCE = 1.08
SERVICES = {"GET one task": ("gateway", "task-reader"), "POST": ("gateway", "task-writer")}
"""Those that a request passes."""


@dataclass(frozen=True)
class Cost:
    """Instructions per request of one service, over the rounds."""

    work: str
    service: str
    instructions: Spread


async def main() -> bool:
    """Whether nothing costs more than it did; the figures are printed and kept."""
    require_callgrind()
    before = kept()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        async with running_product(directory / "stack") as stack:
            facts = await describe(stack)
            show_blocks([measured_on(facts)])
            await fill(database_url(own_postgres(stack).superuser_url, "taskwire"), SMALL)
            counters = await count_all(stack, directory)
            costs = [cost for work in SERVICES for cost in await measure(stack.addresses.gateway_url, work, counters)]
    show_blocks([table(costs, before)])
    keep_json("instructions", {**facts, "instructions_per_request": as_json(costs)})
    return not dearer(costs, before)


async def count_all(stack: Stack, directory: Path) -> dict[str, Counter]:
    """Restarts every service under callgrind, and returns once reads and writes pass."""
    counters = {name: await restart_counted(service, directory) for name, service in stack.services.items()}
    show("the services start under valgrind")
    for works in (reads_through, writes_through):
        await until(partial(works, stack.addresses.gateway_url), within_s=READY_WITHIN_S)
    for counter in counters.values():
        await counter.begin()
    return counters


async def measure(url: str, work: str, counters: Mapping[str, Counter]) -> list[Cost]:
    """The costs of one work in each service that it passes."""
    found: dict[str, list[float]] = {service: [] for service in SERVICES[work]}
    involved = {service: counters[service] for service in found}
    lines = {"GET one task": gets_of_tasks(SMALL), "POST": posts()}[work]
    async with aiohttp.ClientSession(url, raise_for_status=True) as client:
        await ask(client, lines, WARM_UP)
        for _ in range(ROUNDS):
            busy, seconds = await counted(involved, ask(client, lines, REQUESTS))
            idle, idle_s = await counted(involved, asyncio.sleep(seconds))
            for service in involved:
                on_its_own = idle[service] * seconds / idle_s
                found[service].append((busy[service] - on_its_own) / REQUESTS)
    show(f"{work}: counted")
    return [Cost(work, service, Spread.of(values)) for service, values in found.items()]


async def counted(counters: Mapping[str, Counter], work: Any) -> tuple[dict[str, int], float]:
    """The instructions of each service while the awaitable is done, and how long that took."""
    for counter in counters.values():
        await counter.reset()
    began = time.monotonic()
    await work
    seconds = time.monotonic() - began
    return {service: await counter.read() for service, counter in counters.items()}, seconds


async def ask(client: aiohttp.ClientSession, lines: Iterator[str], count: int) -> None:
    """Sends so many of the requests, one after the other."""
    for _ in range(count):
        method, path, *body = next(lines).split(" ", 2)
        headers = {"Content-Type": "application/json"} if body else {}
        async with client.request(method, path, data=body[0] if body else None, headers=headers) as answer:
            await answer.read()


def kept() -> dict[str, dict[str, float]]:
    """Medians of an earlier run by work and service; empty without one."""
    path = RESULTS / "instructions.json"
    found: dict[str, dict[str, dict[str, float]]] = (
        json.loads(path.read_text())["instructions_per_request"] if path.exists() else {}
    )
    return {work: {name: one["median"] for name, one in services.items()} for work, services in found.items()}


def as_json(costs: list[Cost]) -> dict[str, dict[str, Any]]:
    """By work and service."""
    return {
        work: {cost.service: vars(cost.instructions) for cost in costs if cost.work == work}
        for work in dict.fromkeys(cost.work for cost in costs)
    }


def share_of_before(cost: Cost, before: Mapping[str, Mapping[str, float]]) -> float | None:
    """The cost as a multiple of the earlier one; None when there was none."""
    earlier = before.get(cost.work, {}).get(cost.service)
    return cost.instructions.median / earlier if earlier else None


def dearer(costs: list[Cost], before: Mapping[str, Mapping[str, float]]) -> list[Cost]:
    """Those that cost more than the tolerance above the earlier ones."""
    return [cost for cost in costs if (share_of_before(cost, before) or 0.0) > TOLERANCE]


def table(costs: list[Cost], before: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """Thousands of instructions, medians with the least and the greatest."""
    row = "{:<14} {:<12} {:>28} {:>8}"
    yield row.format("work", "service", "thousand instructions", "before")
    for cost in costs:
        spread, share = cost.instructions, share_of_before(cost, before)
        counts = f"{spread.median / 1e3:,.0f} ({spread.least / 1e3:,.0f}..{spread.greatest / 1e3:,.0f})"
        yield row.format(cost.work, cost.service, counts, f"{share:.3f}" if share else "")


if __name__ == "__main__":
    settings = load()
    reached = asyncio.run(main())
    sys.exit(1 if settings.strict and not reached else 0)

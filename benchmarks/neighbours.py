"""What a user's batches take from others: how long another user's POST takes alone, and beside batches of 1,000.

`make bench-neighbours` runs it: it starts everything itself, takes turns, and takes a minute.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx

from benchmarks.cpu import cpu_seconds
from benchmarks.machine import describe
from benchmarks.report import measured_on, show, show_blocks
from benchmarks.systems import System, product, running_product

ROUNDS = 5
SECONDS = 5.0  # of each turn
PAUSE_S = 0.005  # between two of the neighbour's requests
OPERATIONS = 1_000
WIDE = "w" * 900  # so that a batch has about 1 MiB


async def measure() -> None:
    with tempfile.TemporaryDirectory() as name:
        async with running_product(Path(name) / "stack", show) as stack:
            show_blocks([measured_on(await describe(stack))])
            await compare(stack.addresses.gateway_url)
            await show_cost(product(stack))


async def compare(url: str) -> None:
    """Prints the neighbour's times for each kind of load beside it, over all rounds."""
    loads = {
        "nothing": (0, 0),
        "batches, one client": (1, 0),
        "batches, four clients": (4, 0),
        "batches and POSTs": (1, 4),
    }
    seen: dict[str, list[float]] = {name: [] for name in loads}
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
        for number in range(ROUNDS):
            for name, (senders, singles) in loads.items():
                async with batches(url, senders, singles) as done:
                    seen[name] += await posts(client)
                show(f"round {number + 1}, beside {name}: {sum(done) / SECONDS:.1f} batches/s")
    for name, times in seen.items():
        show_times(name, times)


@asynccontextmanager
async def batches(url: str, senders: int, singles: int = 0) -> AsyncIterator[list[int]]:
    """While it is open, so many clients send batches of one user, and so many single writes of the same user; the list
    counts the batches that were carried out."""
    done: list[int] = []
    user, operations = uuid4(), [{"op": "create", "title": "Buy milk", "description": WIDE}] * OPERATIONS

    async def send() -> None:
        async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
            body = client.build_request("POST", f"/api/{user}/batch", json={"operations": operations}).content
            while True:
                headers = {"Content-Type": "application/json"}
                answer = await client.post(f"/api/{user}/batch", content=body, headers=headers)
                done.append(answer.is_success)

    async def send_singles() -> None:
        async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
            while True:
                await client.post(f"/api/{user}/tasks", json={"title": "Buy milk"})

    sending = [asyncio.create_task(send()) for _ in range(senders)]
    sending += [asyncio.create_task(send_singles()) for _ in range(singles)]
    try:
        yield done
    finally:
        for one in sending:
            one.cancel()
        await asyncio.gather(*sending, return_exceptions=True)


async def posts(client: httpx.AsyncClient) -> list[float]:
    """The times of the neighbour's POSTs, one after the other, in seconds."""
    times, user = [], uuid4()
    until = time.perf_counter() + SECONDS
    while time.perf_counter() < until:
        began = time.perf_counter()
        answer = await client.post(f"/api/{user}/tasks", json={"title": "Buy milk"})
        answer.raise_for_status()
        times.append(time.perf_counter() - began)
        await asyncio.sleep(PAUSE_S)
    return times


async def show_cost(system: System) -> None:
    """Prints the CPU time of each part for a batch, which a busy machine changes little."""
    before = cpu_seconds(system.pids())
    async with batches(system.url, 1) as done:
        await asyncio.sleep(SECONDS)
    costs = {name: after - before[name] for name, after in cpu_seconds(system.pids()).items() if name != "load"}
    each = ", ".join(f"{name} {1_000 * cost / max(1, sum(done)):.0f} ms" for name, cost in costs.items())
    show(f"CPU time for a batch of {OPERATIONS}: {each}")


def show_times(name: str, times: Sequence[float]) -> None:
    cuts = statistics.quantiles(times, n=100)
    median, p95, p99 = (1_000 * cuts[percent - 1] for percent in (50, 95, 99))
    show(
        f"beside {name:<22} {len(times):6} POSTs, median {median:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms, "
        f"slowest {1_000 * max(times):.0f} ms"
    )


if __name__ == "__main__":
    asyncio.run(measure())

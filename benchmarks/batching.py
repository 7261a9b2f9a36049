"""What adaptive batching gains: the same writes through two gateways of one system, one of which sends single commands.

`make bench-batching` runs it: it starts everything itself, takes turns between the two, and takes a minute.
"""

import asyncio
import statistics
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from local_stack.ports import pick_port
from local_stack.services import writes_through
from local_stack.stack import Stack
from local_stack.supervision import Process, Program

from benchmarks.dataset import posts, write_requests
from benchmarks.load import Load, Pressure, drive, prepare_generator
from benchmarks.machine import describe
from benchmarks.report import measured_on, show, show_blocks
from benchmarks.systems import running_product

ROUNDS = 5
PRESSURE = Pressure(connections=32, seconds=4)
SINGLE = {"BUS_MAX_BATCH": "1", "BUS_MAX_IN_FLIGHT": "1024"}
"""One command per message, and as many messages on their way as there are connections: nothing waits for a slot."""


async def measure() -> None:
    await prepare_generator(show)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        requests = write_requests(directory / "requests.txt", posts())
        async with running_product(directory / "stack", show) as stack, single_command_gateway(stack) as single_url:
            show_blocks([measured_on(await describe(stack))])
            batched, single = await take_turns(stack.addresses.gateway_url, single_url, requests)
    print_result(batched, single)


@asynccontextmanager
async def single_command_gateway(stack: Stack) -> AsyncIterator[str]:
    """A second gateway of the same system; its address."""
    port = pick_port()
    gateway = stack.services["gateway"].program
    environment = {**gateway.environment, **SINGLE, "PORT": str(port), "ADMIN_PORT": ""}
    process = Process(Program("gateway-single", gateway.arguments, environment), stack.state)
    url = f"http://127.0.0.1:{port}"
    await process.start()
    try:
        await process.wait_ready(partial(writes_through, url), within_s=20)
        yield url
    finally:
        await process.stop()


async def take_turns(batched_url: str, single_url: str, requests: Path) -> tuple[list[Load], list[Load]]:
    """The loads of every round, after a warm-up of both."""
    results: tuple[list[Load], list[Load]] = ([], [])
    for number in range(ROUNDS + 1):
        for url, loads in zip((batched_url, single_url), results, strict=True):
            load = await drive(url, requests, PRESSURE)
            if number > 0:
                loads.append(load)
        show(f"round {number} of {ROUNDS}" if number else "warmed up")
    return results


def print_result(batched: list[Load], single: list[Load]) -> None:
    for name, loads in (("batches", batched), ("one command per message", single)):
        rates = [load.requests_per_s for load in loads]
        show(
            f"{name:<24} {statistics.median(rates):7.0f} POST/s ({min(rates):.0f} to {max(rates):.0f}), "
            f"median {statistics.median(load.median_ms for load in loads):.1f} ms, "
            f"p99 {statistics.median(load.p99_ms for load in loads):.1f} ms"
        )
    ratios = [one.requests_per_s / other.requests_per_s for one, other in zip(batched, single, strict=True)]
    show(f"ratio, round by round: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    asyncio.run(measure())

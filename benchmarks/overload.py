"""`make bench-overload`: writes from far more clients than the system can serve. A minute.

Every client sends its next write as soon as the last one is answered, also after a 503, whatever its Retry-After says.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from local_stack.stack import Stack

from benchmarks.cpu import resident_mb
from benchmarks.dataset import BODY, posts, write_requests
from benchmarks.load import Pressure, figures_of, prepare_generator, run_wrk
from benchmarks.machine import describe
from benchmarks.report import measured_on, show, show_blocks
from benchmarks.results import keep_json
from benchmarks.systems import running_product

PEAK_CONNECTIONS = 128
CROWDS = (512, 1_024, 2_048, 4_096)
OTHERS_CONNECTIONS = 8
FLOOD_CONNECTIONS = 2_048
SECONDS = 6
FLOODER = "f100d000-0000-4000-8000-000000000000"
KEPT_GOAL = 0.8


@dataclass(frozen=True)
class Crowd:
    """Responses per second by outcome, and latencies. `other` must be zero: 500s and broken connections."""

    what: str
    done_per_s: float
    refused_per_s: float
    unknown_per_s: float
    other: int
    median_ms: float
    p99_ms: float
    gateway_mb: float


async def main() -> None:
    """Measures, prints and keeps."""
    await prepare_generator(show)
    with tempfile.TemporaryDirectory() as name:
        requests, flood = Path(name) / "requests.txt", Path(name) / "flood.txt"
        write_requests(requests, posts())
        write_requests(flood, posts_of_one_user())
        async with running_product(Path(name) / "stack") as stack:
            facts = await describe(stack)
            show_blocks([measured_on(facts)])
            await drive(stack, "warm-up", requests, PEAK_CONNECTIONS)
            peak = await drive(stack, f"{PEAK_CONNECTIONS} clients, the peak", requests, PEAK_CONNECTIONS)
            crowds = [await drive(stack, f"{count:,} clients", requests, count) for count in CROWDS]
            alone = await drive(stack, f"{OTHERS_CONNECTIONS} clients alone", requests, OTHERS_CONNECTIONS)
            one_user, others = await asyncio.gather(
                drive(stack, f"{FLOOD_CONNECTIONS:,} clients of one user", flood, FLOOD_CONNECTIONS),
                drive(stack, f"{OTHERS_CONNECTIONS} clients beside them", requests, OTHERS_CONNECTIONS),
            )
            after = await drive(stack, f"{PEAK_CONNECTIONS} clients, at once after", requests, PEAK_CONNECTIONS)
    runs = [peak, *crowds, alone, one_user, others, after]
    for crowd in crowds:
        kept = crowd.done_per_s / peak.done_per_s
        show(f"{crowd.what}: {kept:.0%} of the peak {'(reached)' if kept >= KEPT_GOAL else '(NOT REACHED)'}")
    keep_json("overload", {**facts, "runs": [asdict(run) for run in runs]})


def posts_of_one_user(count: int = 1_000) -> Iterator[str]:
    """Writes of one user alone."""
    return (f"POST /api/{FLOODER}/tasks {BODY}" for _ in range(count))


async def drive(stack: Stack, what: str, requests: Path, connections: int) -> Crowd:
    """Runs wrk once, and prints its figures."""
    pressure = Pressure(connections, SECONDS)
    figures = figures_of(await run_wrk(stack.addresses.gateway_url, "overload.lua", pressure, requests))
    seconds = figures["duration_us"] / 1e6
    crowd = Crowd(
        what=what,
        done_per_s=figures["done"] / seconds,
        refused_per_s=figures["refused"] / seconds,
        unknown_per_s=figures["unknown"] / seconds,
        other=int(figures["other"]),
        median_ms=figures["median_us"] / 1000,
        p99_ms=figures["p99_us"] / 1000,
        gateway_mb=resident_mb(stack.services["gateway"].pid),
    )
    show(
        f"{crowd.what:<30} {crowd.done_per_s:7,.0f} done/s {crowd.refused_per_s:7,.0f} refused/s"
        f" {crowd.unknown_per_s:5,.0f} unknown/s {crowd.other:3} other, median {crowd.median_ms:5.0f} ms,"
        f" p99 {crowd.p99_ms:5.0f} ms, gateway {crowd.gateway_mb:.0f} MB"
    )
    return crowd


if __name__ == "__main__":
    asyncio.run(main())

"""`make bench-soak REQUESTS=1000000`: how fast the services start, and whether their memory grows under load."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from local_stack.services import reads_through, writes_through
from local_stack.stack import Stack
from local_stack.waiting import Probe, until

from benchmarks.cpu import resident_mb
from benchmarks.dataset import SMALL, fill, mixed, write_requests
from benchmarks.load import Pressure, drive, prepare_generator
from benchmarks.machine import describe
from benchmarks.report import measured_on, show, show_blocks
from benchmarks.results import keep_json
from benchmarks.settings import load
from benchmarks.systems import database_url, own_postgres, running_product

PRESSURE = Pressure(connections=64, seconds=5)
STARTS = 5
READY_WITHIN_S = 30.0
READY_GOAL_S = 1.5
RESIDENT_GOAL_MB = 100.0
GROWTH_GOAL_MB = 1.0  # an allocator moves by less


@dataclass(frozen=True)
class Sample:
    """Resident memory of the services after so many requests."""

    requests: int
    resident_mb: Mapping[str, float]


async def main(requests: int) -> None:
    """Measures, prints and keeps the start-up times and the memory."""
    await prepare_generator(show)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        async with running_product(directory / "stack") as stack:
            facts = await describe(stack)
            show_blocks([measured_on(facts)])
            starts = {service: await start_up_s(stack, service) for service in stack.services}
            await fill(database_url(own_postgres(stack).superuser_url, "taskwire"), SMALL)
            samples = await soak(stack, write_requests(directory / "requests.txt", mixed()), requests)
    for service, took_s in starts.items():
        show(f"{service:<12} answers {took_s:.2f} s after its start {_word(took_s <= READY_GOAL_S)}")
    first, half, last = key_samples(samples)
    for service, mb in last.resident_mb.items():
        grown_mb = mb - half.resident_mb[service]
        show(
            f"{service:<12} {first.resident_mb[service]:.1f} MB, at half {half.resident_mb[service]:.1f} MB,"
            f" after {last.requests:,} requests {mb:.1f} MB {_word(mb < RESIDENT_GOAL_MB)},"
            f" {grown_mb:+.1f} MB over the last half {_word(grown_mb <= GROWTH_GOAL_MB)}"
        )
    keep_json("soak", {**facts, "start_up_s": starts, "samples": [asdict(sample) for sample in samples]})


async def start_up_s(stack: Stack, service: str) -> float:
    """Seconds from the start of the service's process to its first answer, its servers being up; a median."""
    gateway_url, reader_url = stack.addresses.gateway_url, stack.addresses.reader_url
    probes: dict[str, Probe] = {
        "task-reader": partial(reads_through, reader_url),
        "task-writer": partial(writes_through, gateway_url),
        "gateway": partial(reads_through, gateway_url),
    }
    times = []
    for _ in range(STARTS):
        await stack.services[service].stop()
        began = time.monotonic()
        await stack.services[service].start()
        await until(probes[service], within_s=READY_WITHIN_S, every_s=0.01)
        times.append(time.monotonic() - began)
    await until(probes["task-writer"], within_s=READY_WITHIN_S)  # the gateway takes a moment more for its bus
    return statistics.median(times)


async def soak(stack: Stack, requests: Path, count: int) -> list[Sample]:
    """A sample before the first request and after every few seconds of load, until `count` requests were answered."""

    def sample() -> Sample:
        return Sample(sent, {name: resident_mb(process.pid) for name, process in stack.services.items()})

    sent = 0
    samples = [sample()]
    while sent < count:
        sent += (await drive(stack.addresses.gateway_url, requests, PRESSURE)).requests
        samples.append(sample())
        memory = ", ".join(f"{name} {mb:.1f} MB" for name, mb in samples[-1].resident_mb.items())
        show(f"{sent / count:4.0%} {sent:,} requests: {memory}")
    return samples


def key_samples(samples: list[Sample]) -> tuple[Sample, Sample, Sample]:
    """The first, the first with half of all requests, the last."""
    half = next(sample for sample in samples if sample.requests >= samples[-1].requests / 2)
    return samples[0], half, samples[-1]


def _word(reached: bool) -> str:
    return "(reached)" if reached else "(NOT REACHED)"


if __name__ == "__main__":
    asyncio.run(main(load().requests))

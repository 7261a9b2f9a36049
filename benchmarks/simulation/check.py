"""`make bench-replicas`: four gateways, two task-readers and two task-writers, and what the simulation makes of them.

First it measures what a batch costs each part, through one of the gateways alone, and keeps that for `make simulate`.
About a minute; `QUICK=1` takes half of it, and keeps nothing.
"""

import asyncio
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.dataset import SMALL, WRITING, fill, gets_of_lists, gets_of_tasks, mixed, posts, write_requests
from benchmarks.fleet import Counts, Fleet, Replicas, count, running_fleet
from benchmarks.load import Pressure, prepare_generator
from benchmarks.machine import describe_machine
from benchmarks.report import show, show_blocks
from benchmarks.results import RESULTS
from benchmarks.settings import load
from benchmarks.simulation.clients import Traffic
from benchmarks.simulation.costs import LANES, PARTS, Costs, fit, keep
from benchmarks.simulation.model import Hosts
from benchmarks.simulation.scenario import Scenario, simulate
from benchmarks.simulation.shares import MIXED

REPLICAS = Replicas(gateways=4, readers=2, writers=2)
PRESSURES = (1, 32, 128)
CALIBRATED_S, CHECKED_S, SIMULATED_S = 2, 3, 2.0
CHECKED = {
    "POST, 32 connections": (32, {"commands": 1.0}),
    "POST, 128 connections": (128, {"commands": 1.0}),
    "80 % reads, 20 % writes, 64 connections": (64, MIXED),
    "80 % reads, 20 % writes, 256 connections": (256, MIXED),
}
QUIET = {("commands", 1): ("POST", 32), ("finds", 1): ("GET one task", 32)}
"""What both this and `make bench` measure, on a quiet machine: lane and place in PRESSURES, work and connections."""

ROW = "{:<41} {:<9} {:>10} {:>8} {:>7} {:>7} {:>8} {:>8} {:>8}  {}"


def main(*, quick: bool) -> None:
    """Prints the real runs and the simulated ones; keeps the costs."""
    found, real = asyncio.run(measure(quick=quick))
    costs = costs_of(found)
    if not quick:
        keep(costs, {"machine": describe_machine(), "inflation": inflation(found)})
    show_blocks([compared(real, costs)])


async def measure(*, quick: bool) -> tuple[dict[str, list[Counts]], dict[str, Counts]]:
    """The counts of one gateway by lane, for each of PRESSURES, and those of all for each of CHECKED."""
    await prepare_generator(show)
    with tempfile.TemporaryDirectory() as name:
        async with running_fleet(Path(name) / "stack", REPLICAS) as fleet:
            await fill(fleet.superuser_url, SMALL)
            alone = replace(fleet, gateway_urls=fleet.gateway_urls[:1])
            found = await calibrate(alone, Path(name), 1 if quick else CALIBRATED_S)
            return found, await check(fleet, Path(name), 1 if quick else CHECKED_S)


async def calibrate(fleet: Fleet, directory: Path, seconds: int) -> dict[str, list[Counts]]:
    """The counts of each lane under each of PRESSURES."""
    kinds = {"commands": posts(), "finds": gets_of_tasks(SMALL), "lists": gets_of_lists(SMALL)}
    found: dict[str, list[Counts]] = {lane: [] for lane in LANES}
    for lane in LANES:
        requests = write_requests(directory / lane, kinds[lane])
        await count(fleet, requests, Pressure(PRESSURES[-1], 1))  # opens connections, prepares statements
        for connections in PRESSURES:
            counts = await count(fleet, requests, Pressure(connections, seconds))
            show(f"{lane}, {connections} connections: {counts}")
            found[lane].append(counts)
    return found


async def check(fleet: Fleet, directory: Path, seconds: int) -> dict[str, Counts]:
    """The counts of each of CHECKED."""
    found = {}
    for name, (connections, shares) in CHECKED.items():
        requests = write_requests(directory / "requests", mixed() if len(shares) > 1 else posts())
        await count(fleet, requests, Pressure(connections, 1))
        found[name] = await count(fleet, requests, Pressure(connections, seconds))
    return found


def costs_of(found: Mapping[str, Sequence[Counts]]) -> Costs:
    """The costs that explain the counts of each lane. All waits are for CPU time: everything is on one machine."""
    cpu = {
        lane: {part: fit([(one.batch[lane], one.cores[part] / one.requests_per_s) for one in counts]) for part in PARTS}
        for lane, counts in found.items()
    }
    load_s = min(one.cores["load"] / one.requests_per_s for counts in found.values() for one in counts)
    return Costs(cpu, load_s, waits_s=dict.fromkeys(LANES, 0.0))


def inflation(found: Mapping[str, Sequence[Counts]]) -> float:
    """CPU time of QUIET's work here as a multiple of what `make bench` kept: a busy machine takes more for the same."""
    quiet = json.loads((RESULTS / "latest.json").read_text())["scenarios"]
    spent = {(one["work"], one["connections"]): one["systems"]["product"]["cpu_ms_per_request"] for one in quiet}
    here = there = 0.0
    for (lane, place), work in QUIET.items():
        counts = found[lane][place]
        here += sum(counts.cores[part] for part in PARTS) / counts.requests_per_s
        there += sum(spent[work][part] for part in PARTS) / 1_000
    return here / there


def compared(real: Mapping[str, Counts], costs: Costs) -> Iterator[str]:
    """Two lines for each load: what was counted, and what the simulation makes of it."""
    yield ROW.format("", "", "requests/s", "commands", "finds", "lists", "msgs/s", "commits", "foreign", "cores")
    for name, (connections, shares) in CHECKED.items():
        yield _line(name, "real", real[name])
        traffic = Traffic(shares, connections=connections, users=WRITING.users)
        hosts = Hosts(shared=os.process_cpu_count(), foreign_cores=real[name].foreign_cores)
        simulated = simulate(Scenario(REPLICAS, hosts, traffic), costs, seconds=SIMULATED_S)
        yield _line("", "simulated", simulated.counts)


def _line(name: str, what: str, counts: Counts) -> str:
    batches = [f"{counts.batch[lane]:.1f}" if lane in counts.batch else "" for lane in LANES]
    cores = ", ".join(f"{role} {cores:.2f}" for role, cores in counts.cores.items())
    rates = (f"{counts.messages_per_s:,.0f}", f"{counts.commits_per_s:,.0f}", f"{counts.foreign_cores:.1f}")
    return ROW.format(name, what, f"{counts.requests_per_s:,.0f}", *batches, *rates, cores)


if __name__ == "__main__":
    main(quick=load().quick)

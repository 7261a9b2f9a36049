"""Alternates the systems: every round measures each once, A B A B, so that a slow moment of the machine hits all."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from benchmarks.cpu import cpu_seconds, machine_seconds
from benchmarks.load import Load, Pressure, drive
from benchmarks.systems import System

WARM_UP = Pressure(connections=64, seconds=2)


@dataclass(frozen=True)
class Run:
    """One system under load for one round. `cpu_ms` is CPU time per request, by process tree.

    `foreign_cores` is how many cores everything else on the machine kept busy meanwhile: it should be next to nothing.
    """

    load: Load
    cpu_ms: dict[str, float]
    foreign_cores: float


@dataclass(frozen=True)
class Spread:
    """Median, minimum and maximum of several rounds."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))


async def measure(system: System, requests: Path, pressure: Pressure) -> Run:
    """One round of one system."""
    before, machine_before = cpu_seconds(system.pids()), machine_seconds()
    began = time.monotonic()
    load = await drive(system.url, requests, pressure, system.tokens)
    after, machine_after = cpu_seconds(system.pids()), machine_seconds()
    spent = {name: after[name] - before[name] for name in after}
    foreign_s = machine_after - machine_before - sum(spent.values())
    cpu_ms = {name: seconds * 1000 / load.requests for name, seconds in spent.items()}
    return Run(load, cpu_ms, foreign_s / (time.monotonic() - began))


async def warm_up(systems: Sequence[System], requests: Path) -> None:
    """Makes every system open its connections and prepare its statements."""
    for system in systems:
        await drive(system.url, requests, WARM_UP, system.tokens)


async def take_turns(
    systems: Sequence[System],
    requests: Path,
    pressure: Pressure,
    rounds: int,
    progress: Callable[[int, System, Run], None] = lambda *_: None,
) -> dict[str, list[Run]]:
    """The runs of every system by its name."""
    runs: dict[str, list[Run]] = {system.name: [] for system in systems}
    for number in range(1, rounds + 1):
        for system in systems:
            run = await measure(system, requests, pressure)
            runs[system.name].append(run)
            progress(number, system, run)
    return runs


def summary(runs: Sequence[Run]) -> dict[str, Spread]:
    """Each figure of the load over all rounds."""
    return {
        field.name: Spread.of([getattr(run.load, field.name) for run in runs])
        for field in fields(Load)
        if field.name != "requests"
    }


def cpu_per_request(runs: Sequence[Run]) -> dict[str, float]:
    """CPU milliseconds per request by process tree: the median of the rounds."""
    return {name: statistics.median(run.cpu_ms[name] for run in runs) for name in runs[0].cpu_ms}


def ratio(ours: Sequence[Run], theirs: Sequence[Run], figure: Callable[[Load], float]) -> Spread:
    """Our figure as a multiple of theirs, per round: a slow round is slow for both."""
    return Spread.of([figure(one.load) / figure(other.load) for one, other in zip(ours, theirs, strict=True)])

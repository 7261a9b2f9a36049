"""One simulation: from what it depends on to what came out."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, quantiles

from benchmarks.fleet import Counts, Replicas
from benchmarks.simulation import virtual_time
from benchmarks.simulation.clients import Clients, Traffic
from benchmarks.simulation.costs import LANES, PARTS, Costs
from benchmarks.simulation.model import Hosts, System

WARM_UP_S = 0.25


@dataclass(frozen=True)
class Scenario:
    """All that a simulation depends on but the costs. `bus_slots` is BUS_MAX_IN_FLIGHT; None is its default."""

    replicas: Replicas
    hosts: Hosts
    traffic: Traffic
    bus_slots: int | None = None


@dataclass(frozen=True)
class Simulated:
    """What came out: counts as of a real run, latencies by lane, and how many requests found their lane full."""

    counts: Counts
    p50_ms: Mapping[str, float]
    p99_ms: Mapping[str, float]
    refused: int


def simulate(scenario: Scenario, costs: Costs, *, seconds: float) -> Simulated:
    """What becomes of the traffic in so many virtual seconds, after WARM_UP_S. The same every time."""
    return virtual_time.run(_simulate(scenario, costs, seconds))


async def _simulate(scenario: Scenario, costs: Costs, seconds: float) -> Simulated:
    system = System(scenario.replicas, scenario.hosts, costs, scenario.bus_slots)
    clients = Clients(system, scenario.traffic)
    clients.start()
    await asyncio.sleep(WARM_UP_S)
    before, answered_before, refused_before = dict(system.parts.totals), len(clients.answered), clients.refused
    await asyncio.sleep(seconds)
    done = {name: total - before.get(name, 0.0) for name, total in system.parts.totals.items()}
    answered, refused = clients.answered[answered_before:], clients.refused - refused_before
    await clients.stop()
    return _simulated(done, answered, refused, seconds)


def _simulated(
    done: Mapping[str, float], answered: Sequence[tuple[str, float]], refused: int, seconds: float
) -> Simulated:
    took_ms = {lane: [took_s * 1_000 for one, took_s in answered if one == lane] for lane in LANES}
    counts = Counts(
        requests_per_s=len(answered) / seconds,
        mean_ms=fmean(took_s * 1_000 for _, took_s in answered),
        p99_ms=_percentile(99, [took_s * 1_000 for _, took_s in answered]),
        batch={lane: done[f"{lane} items"] / done[f"{lane} batches"] for lane in LANES if done.get(f"{lane} batches")},
        messages_per_s=done.get("commands batches", 0.0) / seconds,
        commits_per_s=done.get("commits", 0.0) / seconds,
        cores={part: done.get(part, 0.0) / seconds for part in (*PARTS, "load")},
    )
    p50, p99 = ({lane: _percentile(rank, took) for lane, took in took_ms.items() if took} for rank in (50, 99))
    return Simulated(counts, p50, p99, refused)


def _percentile(rank: int, values: Sequence[float]) -> float:
    return quantiles(values, n=100)[rank - 1] if len(values) > 1 else sum(values)

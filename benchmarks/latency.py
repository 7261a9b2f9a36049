"""`make bench-latency`: how long requests take that arrive at a fixed rate, half and four fifths of the peak.

An open loop: arrivals do not wait for answers, so that a pause of the product is felt by all who come meanwhile, as in
life (benchmarks/arrivals.py). About seven minutes; `QUICK=1` one and a half.
"""

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.cpu import cpu_seconds, machine_seconds
from benchmarks.dataset import LARGE, SMALL, fill, write_requests
from benchmarks.load import LoadFailed
from benchmarks.machine import describe
from benchmarks.measuring import Spread
from benchmarks.open_loop import Latencies, offer, peak
from benchmarks.report import QUIET_CORES, measured_on, show, show_blocks
from benchmarks.results import keep_json
from benchmarks.scenarios import SCENARIOS, Scenario
from benchmarks.settings import load
from benchmarks.systems import System, database_url, own_postgres, product, running_product

SHARES = (0.5, 0.8)
"""Of the peak."""

WORKS = tuple(one for place, one in enumerate(SCENARIOS) if one.name not in {past.name for past in SCENARIOS[:place]})
"""The first scenario of each name: how many connections it has does not matter here."""

FIGURES = ("p50_ms", "p99_ms", "p99_9_ms")


@dataclass(frozen=True)
class Plan:
    """How long to measure."""

    rounds: int
    seconds: float


@dataclass(frozen=True)
class Offered:
    """All rounds of one work at one share of its peak; `failed` of them had errors, and no figures."""

    work: str
    peak: float
    share: float
    rounds: Sequence[Latencies]
    failed: int
    foreign_cores: float

    def spread(self, figure: str) -> Spread:
        """A figure over all rounds."""
        return Spread.of([getattr(one, figure) for one in self.rounds])


async def main(plan: Plan) -> None:
    """Measures, prints and keeps the latencies of the product."""
    offered: list[Offered] = []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        async with running_product(directory / "stack") as stack:
            facts = {**await describe(stack), "plan": vars(plan)}
            await fill(database_url(own_postgres(stack).superuser_url, "taskwire"), SMALL, LARGE)
            show_blocks([measured_on(facts)])
            for work in WORKS:
                requests = write_requests(directory / "requests.txt", work.requests())
                offered += await measure(product(stack), work, requests, plan)
    show_blocks([table(offered)])
    keep_json("latency", {**facts, "works": [as_json(one) for one in offered]})


async def measure(system: System, work: Scenario, requests: Path, plan: Plan) -> list[Offered]:
    """One work at each share of its peak, which is measured first and warms the system up."""
    highest = await peak(system.url, requests, plan.seconds / 2)
    show(f"{work.name}: at most {highest:,.0f}/s beside this generator")
    return [await at_share(system, work, requests, plan, (highest, share)) for share in SHARES]


async def at_share(
    system: System, work: Scenario, requests: Path, plan: Plan, peak_and_share: tuple[float, float]
) -> Offered:
    """All rounds of a work at a share of its peak."""
    highest, share = peak_and_share
    rounds, failed, foreign_s, seconds = [], 0, 0.0, 0.0
    for _ in range(plan.rounds):
        before, machine_before = sum(cpu_seconds(system.pids()).values()), machine_seconds()
        try:
            rounds.append(await offer(system.url, requests, highest * share, plan.seconds))
        except LoadFailed as failure:
            show(f"{work.name} at {share:.0%} of the peak: {failure}")
            failed += 1
        spent = sum(cpu_seconds(system.pids()).values()) - before
        foreign_s += machine_seconds() - machine_before - spent
        seconds += plan.seconds
    return Offered(work.name, highest, share, rounds, failed, foreign_s / seconds)


def table(offered: Sequence[Offered]) -> Iterator[str]:
    """A line for each work and share: medians of the rounds, with the least and the greatest."""
    row = "{:<28} {:>6} {:>9} {:>21} {:>21} {:>21} {:>8} {:>7}"
    yield row.format("work", "share", "rate/s", "p50 ms", "p99 ms", "p99.9 ms", "late p99", "waited")
    for one in offered:
        if not one.rounds:
            yield f"{one.work:<28} {one.share:>6.0%} had errors in every round"
            continue
        shown = [_spread(one.spread(figure)) for figure in FIGURES]
        late, waited = one.spread("late_p99_ms").median, one.spread("waited").median
        yield row.format(
            one.work, f"{one.share:.0%}", f"{one.peak * one.share:,.0f}", *shown, f"{late:.1f}", f"{waited:.1%}"
        )
    foreign = Spread.of([one.foreign_cores for one in offered])
    quiet = "a quiet machine" if foreign.median < QUIET_CORES else "NOT A QUIET MACHINE: do not trust the figures far"
    yield f"everything else on the machine kept {_spread(foreign)} cores busy meanwhile: {quiet}"


def as_json(one: Offered) -> dict[str, Any]:
    """Everything, round by round."""
    medians = {figure: one.spread(figure).median for figure in FIGURES} if one.rounds else {}
    return {**asdict(one), **medians}


def _spread(spread: Spread) -> str:
    return f"{spread.median:.1f} ({spread.least:.1f}..{spread.greatest:.1f})"


QUICK = Plan(rounds=1, seconds=4.0)
FULL = Plan(rounds=3, seconds=8.0)

if __name__ == "__main__":
    asyncio.run(main(QUICK if load().quick else FULL))

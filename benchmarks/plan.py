"""Runs one scenario after the other, alternating the systems in each, and shows progress."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.dataset import write_requests
from benchmarks.goals import Verdict
from benchmarks.load import Pressure
from benchmarks.measuring import Run, take_turns
from benchmarks.report import Measured, show
from benchmarks.scenarios import Scenario
from benchmarks.systems import System

type Judge = Callable[[Scenario, Mapping[str, Sequence[Run]]], Sequence[Verdict]]
"""The ratios that matter in what came out of a scenario."""


@dataclass(frozen=True)
class Plan:
    """How long to measure."""

    rounds: int
    seconds: int


async def carry_out(
    plan: Plan, scenarios: Sequence[Scenario], systems: Sequence[System], directory: Path, judge: Judge
) -> list[Measured]:
    """All rounds of all scenarios."""
    measured = []
    for done, scenario in enumerate(scenarios):
        requests = write_requests(directory / "requests.txt", scenario.requests())
        pressure = Pressure(scenario.connections, plan.seconds)
        shares = [(done + number / plan.rounds) / len(scenarios) for number in range(1, plan.rounds + 1)]
        runs = await take_turns(systems, requests, pressure, plan.rounds, _progress(scenario, len(systems), shares))
        measured.append(Measured(scenario, runs, judge(scenario, runs)))
    return measured


def _progress(scenario: Scenario, systems: int, shares: Sequence[float]) -> Callable[[int, System, Run], None]:
    """Shows a line for each round, once every system was measured; `shares` are the shares of work done by then."""
    line: list[str] = []

    def show_round(number: int, system: System, run: Run) -> None:
        line.append(f"{system.name} {run.load.requests_per_s:,.0f}/s")
        if len(line) == systems:
            show(f"{_bar(shares[number - 1])} {scenario.title}, round {number}: {', '.join(line)}")
            line.clear()

    return show_round


def _bar(share: float, width: int = 20) -> str:
    return f"[{'#' * round(share * width):<{width}}] {share:4.0%}"

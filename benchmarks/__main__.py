"""`make bench`: product, monolith and tuned service side by side in one run on one PostgreSQL server.

About ten minutes; `QUICK=1` under two. Exit status 0 whatever comes out, unless `STRICT=1` and a goal is not reached.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_stack.stack import Stack

from benchmarks.answers import require_same_answers
from benchmarks.bars import bars
from benchmarks.dataset import LARGE, SMALL, fill, mixed, write_requests
from benchmarks.limits import bare_routes, sql_alone
from benchmarks.load import Pressure, command, prepare_generator
from benchmarks.machine import describe_machine, describe_versions, require_durability
from benchmarks.measuring import Run, take_turns, warm_up
from benchmarks.report import Measured, as_json, cpu_table, goal_table, load_table, noise, show
from benchmarks.results import keep_json, keep_picture
from benchmarks.scenarios import OPPONENTS, SCENARIOS, Scenario
from benchmarks.settings import load
from benchmarks.systems import (
    WORKERS,
    System,
    database_url,
    own_postgres,
    product,
    running_opponent,
    running_product,
    uvicorn_arguments,
)


@dataclass(frozen=True)
class Plan:
    """How long to measure."""

    rounds: int
    seconds: int


QUICK = Plan(rounds=3, seconds=1)
FULL = Plan(rounds=5, seconds=4)


async def main(plan: Plan) -> bool:
    """Whether all goals are reached; the results are printed and kept."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        await prepare_generator(show)
        async with AsyncExitStack() as running:
            stack = await running.enter_async_context(running_product(directory / "stack"))
            facts = {**await describe(stack), "plan": vars(plan), "commands": commands(plan)}
            systems = [product(stack)]
            await fill(database_url(own_postgres(stack).superuser_url, "taskwire"), SMALL, LARGE)
            for opponent in OPPONENTS:
                start = running_opponent(own_postgres(stack), stack.state, opponent, SMALL, LARGE)
                systems.append(await running.enter_async_context(start))
            show(f"{', '.join(system.name for system in systems)} are up, with the same rows")
            await require_same_answers(systems)
            await warm_up(systems, write_requests(directory / "requests.txt", mixed()))
            measured = [await measure(scenario, systems, directory, plan) for scenario in SCENARIOS]
            limits = await bare_routes(stack, directory, plan.seconds)
            limits |= await sql_alone(stack, directory, plan.seconds)
    print_results(measured, limits, facts)
    keep_json("latest", {**facts, "scenarios": as_json(measured), "limits_per_s": limits})
    keep_picture("latest", bars(measured, facts))
    return all(verdict.reached for one in measured for verdict in one.verdicts)


async def describe(stack: Stack) -> dict[str, Any]:
    """What was measured, on what, and how to do it again."""
    return {
        "measured_at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": describe_machine(),
        "versions": await describe_versions(stack),
        "durability": await require_durability(stack),
    }


def commands(plan: Plan) -> dict[str, str]:
    """What a reader needs to do the same by hand."""
    load_command = command("URL", Path("REQUESTS"), Pressure(32, plan.seconds))
    opponent_command = ("python", *uvicorn_arguments("monolith", WORKERS, 8000)[1:])
    return {"load": as_typed(load_command), "opponent": as_typed(opponent_command)}


def as_typed(arguments: Sequence[str]) -> str:
    """A command line without the paths of this machine."""
    return " ".join(Path(argument).name if Path(argument).is_absolute() else argument for argument in arguments)


async def measure(scenario: Scenario, systems: Sequence[System], directory: Path, plan: Plan) -> Measured:
    """One scenario, all rounds of it."""
    requests = write_requests(directory / "requests.txt", scenario.requests())
    pressure = Pressure(scenario.connections, plan.seconds)
    done = SCENARIOS.index(scenario) * plan.rounds
    line: list[str] = []

    def progress(number: int, system: System, run: Run) -> None:
        line.append(f"{system.name} {run.load.requests_per_s:,.0f}/s")
        if len(line) == len(systems):
            share = (done + number) / (len(SCENARIOS) * plan.rounds)
            show(f"{bar(share)} {scenario.title}, round {number}: {', '.join(line)}")
            line.clear()

    return Measured(scenario, await take_turns(systems, requests, pressure, plan.rounds, progress))


def bar(share: float, width: int = 20) -> str:
    """How much is done."""
    return f"[{'#' * round(share * width):<{width}}] {share:4.0%}"


def print_results(measured: Sequence[Measured], limits: dict[str, float], facts: dict[str, Any]) -> None:
    """All tables."""
    blocks: Iterable[Iterable[str]] = (
        [f"{key}: {'; '.join(map(str, facts[key].values()))}" for key in ("machine", "commands")],
        [f"versions: {', '.join(f'{name} {number}' for name, number in facts['versions'].items())}"],
        [noise(measured)],
        load_table(measured),
        goal_table(measured),
        cpu_table(measured),
        ["limits, per second", *(f"{name:<45} {rate:9,.0f}" for name, rate in limits.items())],
    )
    for block in blocks:
        show("")
        for text in block:
            show(text)


if __name__ == "__main__":
    settings = load()
    reached = asyncio.run(main(QUICK if settings.quick else FULL))
    sys.exit(1 if settings.strict and not reached else 0)

"""`make bench`: the product and its opponents side by side in one run on one PostgreSQL server.

About fifteen minutes with all opponents, three with `QUICK=1`. Exit status 0 whatever comes out, unless `STRICT=1` and
a goal is not reached.
"""

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.answers import require_same_answers
from benchmarks.bars import bars
from benchmarks.dataset import LARGE, SMALL, fill, mixed, write_requests
from benchmarks.goals import judge
from benchmarks.limits import bare_routes, sql_alone
from benchmarks.load import Pressure, command, prepare_generator
from benchmarks.machine import describe
from benchmarks.measuring import warm_up
from benchmarks.peers import WORKERS, Peer, peers_present
from benchmarks.plan import Plan, carry_out
from benchmarks.report import as_json, show, show_blocks, tables
from benchmarks.results import keep_json, keep_picture
from benchmarks.scenarios import OPPONENTS, SCENARIOS
from benchmarks.settings import load
from benchmarks.systems import (
    database_url,
    own_postgres,
    product,
    running_opponent,
    running_product,
    uvicorn_arguments,
)

QUICK = Plan(rounds=3, seconds=1)
FULL = Plan(rounds=5, seconds=3)


async def main(plan: Plan) -> bool:
    """Whether all goals are reached; the results are printed and kept."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        await prepare_generator(show)
        async with AsyncExitStack() as running:
            stack = await running.enter_async_context(running_product(directory / "stack"))
            peers = await peers_present(show)
            facts = {**await describe(stack), "plan": vars(plan), "commands": commands(plan)}
            facts["peers"] = {peer.name: peer.versions for peer in peers}
            systems = [product(stack)]
            await fill(database_url(own_postgres(stack).superuser_url, "taskwire"), SMALL, LARGE)
            opponents: list[str | Peer] = [*OPPONENTS, *peers]
            for opponent in opponents:
                start = running_opponent(own_postgres(stack), stack.state, opponent, SMALL, LARGE)
                systems.append(await running.enter_async_context(start))
            show(f"{', '.join(system.name for system in systems)} are up, with the same rows")
            await require_same_answers(systems)
            await warm_up(systems, write_requests(directory / "requests.txt", mixed()))
            measured = await carry_out(plan, SCENARIOS, systems, directory, judge)
            limits = await bare_routes(stack, directory, plan.seconds)
            limits |= await sql_alone(stack, directory, plan.seconds)
    rates = ["limits, per second", *(f"{name:<45} {rate:9,.0f}" for name, rate in limits.items())]
    show_blocks([*tables(measured, facts), [f"commands: {'; '.join(facts['commands'].values())}"], rates])
    keep_json("latest", {**facts, "scenarios": as_json(measured), "limits_per_s": limits})
    keep_picture("latest", bars(measured, facts))
    return all(verdict.reached for one in measured for verdict in one.verdicts)


def commands(plan: Plan) -> dict[str, str]:
    """The commands that reproduce the measurement."""
    load_command = command("URL", "requests.lua", Pressure(32, plan.seconds), Path("REQUESTS"))
    opponent_command = ("python", *uvicorn_arguments("monolith", WORKERS, 8000)[1:])
    return {"load": as_typed(load_command), "opponent": as_typed(opponent_command)}


def as_typed(arguments: Sequence[str]) -> str:
    """A command line without the paths of this machine."""
    return " ".join(Path(argument).name if Path(argument).is_absolute() else argument for argument in arguments)


if __name__ == "__main__":
    settings = load()
    reached = asyncio.run(main(QUICK if settings.quick else FULL))
    sys.exit(1 if settings.strict and not reached else 0)

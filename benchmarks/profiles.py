"""`make bench-profile`: whose code the CPU time of each service goes to, in the works that are hardest to be fast at.

CPU time per request comes from a run that nothing else looks at; its parts are the shares of py-spy's samples in a
second run. A sample belongs to the library of its innermost Python frame: compiled code and system calls belong to
whoever calls them. Samples cannot tell a loop that waits from one that works: the loop has the CPU time that no other
sample explains. About two minutes; as root, or where a user may trace own processes.
"""

import asyncio
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_stack.errors import StackError
from local_stack.settings import find_program

from benchmarks.dataset import SMALL, fill, write_requests
from benchmarks.load import Pressure, prepare_generator, run_generator
from benchmarks.machine import describe
from benchmarks.measuring import measure as measure_run
from benchmarks.measuring import warm_up
from benchmarks.report import measured_on, show, show_blocks
from benchmarks.results import keep_json
from benchmarks.scenarios import SCENARIOS, Scenario
from benchmarks.systems import System, database_url, own_postgres, product, running_product

WORKS = (("GET one task", 32), ("GET one task", 128), ("POST", 32), ("POST", 128), ("POST", 1), ("GET one task", 1))
SECONDS = 6
SAMPLES_PER_S = 250
SERVERS = ("rabbitmq", "postgres", "load")
OWNERS = {
    "HTTP server": ("common/http_server", "uvicorn", "httptools"),
    "web framework": ("fastapi", "starlette", "common/http"),
    "pydantic": ("pydantic", "pydantic_core", "common/contracts"),
    "AMQP client": ("faststream", "fast_depends", "aio_pika", "aiormq", "pamqp", "common/bus"),
    "PostgreSQL client": ("psycopg", "psycopg_pool", "common/postgres"),
    "service": ("gateway", "task_reader", "task_writer", "common"),
}
"""Folders below site-packages or src; the first owner whose folder matches has the sample."""
LOOP = "event loop"
LOOP_FRAME = "asyncio/runners.py"
"""uvloop's own frames are compiled, so its caller's is the innermost."""
FRAME = re.compile(r"\((?P<file>[^()]*?)(?::\d+)?\)$")


@dataclass(frozen=True)
class Profile:
    """One work: CPU µs per request of every process, and for each service the part of each owner."""

    scenario: Scenario
    processes: Mapping[str, float]
    parts: Mapping[str, Mapping[str, float]]


async def main() -> None:
    """Measures, prints and keeps the profiles."""
    if find_program("py-spy") is None:
        raise StackError("this measurement needs py-spy: `make bench-profile` brings it")
    await prepare_generator(show)
    scenarios = [one for one in SCENARIOS if (one.name, one.connections) in WORKS]
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        async with running_product(directory / "stack") as stack:
            facts = await describe(stack)
            await fill(database_url(own_postgres(stack).superuser_url, "taskwire"), SMALL)
            show_blocks([measured_on(facts)])
            profiles = [await measure(product(stack), scenario, directory) for scenario in scenarios]
    show_blocks(table(profiles))
    keep_json("profile", {**facts, "works": [as_json(one) for one in profiles]})


async def measure(system: System, scenario: Scenario, directory: Path, seconds: int = SECONDS) -> Profile:
    """One work: a run to measure, and one to look into."""
    requests = write_requests(directory / "requests.txt", scenario.requests())
    pressure = Pressure(scenario.connections, seconds)
    await warm_up([system], requests)
    spent = {name: ms * 1000 for name, ms in (await measure_run(system, requests, pressure)).cpu_ms.items()}
    looked = {name: pid for name, pid in system.pids().items() if pid and name not in SERVERS and spent[name] > 1}
    async with asyncio.TaskGroup() as group:
        run = group.create_task(measure_run(system, requests, pressure))
        samples = {name: group.create_task(look_into(pid, directory / name, seconds)) for name, pid in looked.items()}
    load = run.result().load
    show(f"{scenario.title}: {load.requests_per_s:,.0f}/s while looked into")
    busy = {name: ms / 1000 * load.requests_per_s for name, ms in run.result().cpu_ms.items()}
    parts = {name: parts_of(lines.result(), spent[name], busy[name]) for name, lines in samples.items()}
    return Profile(scenario, spent, parts)


async def look_into(pid: int, out: Path, seconds: int) -> Sequence[str]:
    """py-spy's samples of one process while it works: "frame;frame;… count" a line, the innermost frame last."""
    how = ("--idle", "--format", "raw", "--full-filenames", "--rate", str(SAMPLES_PER_S))
    what = ("--duration", str(seconds - 1), "--output", str(out), "--pid", str(pid))
    await run_generator(("py-spy", "record", *how, *what), seconds + 60)
    return await asyncio.to_thread(lambda: out.read_text().splitlines())


def parts_of(lines: Iterable[str], spent: float, busy: float) -> dict[str, float]:
    """What each owner has of `spent`, most first, for a process that used so many cores meanwhile."""
    counts: Counter[str] = Counter()
    for line in lines:
        frames, _, count = line.rpartition(" ")
        counts[owner_of(frames)] += int(count)
    busy_samples = max(busy * counts.total(), counts.total() - counts[LOOP])
    counts[LOOP] = round(busy_samples - (counts.total() - counts[LOOP]))
    return {owner: spent * count / busy_samples for owner, count in counts.most_common()}


def owner_of(frames: str) -> str:
    """Whose code the innermost frame of a sample is, or the nearest one outside of it that has an owner."""
    for frame in reversed(frames.split(";")):
        if LOOP_FRAME in frame:
            return LOOP
        found = FRAME.search(frame)
        below = found and re.split(r"/(?:site-packages|src)/", found["file"])[-1]
        for owner, folders in OWNERS.items():
            if below and below.startswith(tuple(f"{folder}/" for folder in folders)):
                return owner
    return LOOP


def table(profiles: Sequence[Profile]) -> Iterator[Iterator[str]]:
    """A block for each work."""
    yield from (_block(one) for one in profiles)


def _block(profile: Profile) -> Iterator[str]:
    whole = ", ".join(f"{name} {spent:,.0f}" for name, spent in profile.processes.items())
    yield f"{profile.scenario.title}: CPU µs per request: {whole}; in all {sum(profile.processes.values()):,.0f}"
    for name, parts in profile.parts.items():
        yield f"  {name:<12} " + ", ".join(f"{owner} {spent:,.0f}" for owner, spent in parts.items() if spent >= 1)


def as_json(profile: Profile) -> dict[str, Any]:
    """Everything, in µs."""
    scenario = profile.scenario
    return {
        "work": scenario.name,
        "connections": scenario.connections,
        "cpu_us_per_request": dict(profile.processes),
        "parts_us": {name: dict(parts) for name, parts in profile.parts.items()},
    }


if __name__ == "__main__":
    asyncio.run(main())

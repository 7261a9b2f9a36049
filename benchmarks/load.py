"""A closed-loop load of HTTP requests, from a process of its own: each connection sends its next request once the last
one is answered.
"""

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local_stack.commands import run_to_end
from local_stack.errors import StackError
from local_stack.settings import find_program, server_environment
from local_stack.supervision import Report

ANSWER_WITHIN_S = 30
APT_WITHIN_S = 300.0
ROOT = Path(__file__).parents[1]


class LoadFailed(Exception):
    """Some requests failed, so the figures mean nothing."""


@dataclass(frozen=True)
class Load:
    """The figures of one run. `mean_ms` is the time that a connection needed per request, so nothing is left out."""

    requests: int
    requests_per_s: float
    mean_ms: float
    median_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Pressure:
    """Number of connections and duration; wrk takes whole seconds."""

    connections: int
    seconds: int


async def prepare_generator(report: Report) -> None:
    """Installs wrk, as root on Debian, where it is missing. StackError where it stays so."""
    if find_program("wrk") is None and os.geteuid() == 0 and find_program("apt-get") is not None:
        report("wrk is not installed: installing Debian's package wrk")
        for step in (("update",), ("install", "--yes", "--no-install-recommends", "wrk")):
            environment = {**server_environment(), "DEBIAN_FRONTEND": "noninteractive"}
            command = ("apt-get", *step)
            await run_to_end(command, environment=environment, directory=ROOT, within_s=APT_WITHIN_S)
    if find_program("wrk") is None:
        raise StackError("this measurement needs wrk: install it, as Debian's package wrk or otherwise")


async def drive(url: str, requests: Path, pressure: Pressure, tokens: Path | None = None) -> Load:
    """Sends the requests of the file, "METHOD PATH BODY" a line, in turn and over again.

    With `tokens`, "USER_ID TOKEN" a line, each request bears the token of the user in its path. LoadFailed when one of
    them is answered with 4xx or 5xx, or not at all.
    """
    files = [path for path in (requests, tokens) if path is not None]
    return parse(await run_wrk(url, "requests.lua", pressure, *files), pressure.connections)


async def run_wrk(url: str, script: str, pressure: Pressure, *files: Path) -> str:
    """wrk's output with a script of this folder, which reads the files. LoadFailed when it fails or hangs."""
    return await run_generator(command(url, script, pressure, *files), pressure.seconds + 2 * ANSWER_WITHIN_S)


async def run_generator(arguments: Sequence[str], within_s: float) -> str:
    """The output of a load generator. LoadFailed when it fails or hangs."""
    name = Path(arguments[0]).name
    generator = await asyncio.create_subprocess_exec(
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        async with asyncio.timeout(within_s):
            output, errors = await generator.communicate()
    except TimeoutError:
        raise LoadFailed(f"{name} does not come to an end") from None
    finally:
        if generator.returncode is None:
            generator.kill()
            await generator.wait()
    if generator.returncode != 0:
        raise LoadFailed(f"{name} ended with status {generator.returncode}: {errors.decode()[-500:]}")
    return output.decode()


def command(url: str, script: str, pressure: Pressure, *files: Path) -> Sequence[str]:
    """wrk's command line."""
    options = ("-t1", f"-c{pressure.connections}", f"-d{pressure.seconds}s", f"--timeout={ANSWER_WITHIN_S}s")
    return ("wrk", *options, "-s", str(ROOT / "benchmarks" / script), url, "--", *map(str, files))


def figures_of(output: str) -> dict[str, float]:
    """The figures in a generator's last line; LoadFailed when they are missing."""
    try:
        figures: dict[str, float] = json.loads(output.rstrip().rpartition("\n")[2])
    except ValueError:
        raise LoadFailed(f"the load generator did not end with its figures: {output[-500:]}") from None
    return figures


def parse(output: str, connections: int) -> Load:
    """The figures of a load; LoadFailed when they count failures or are missing."""
    figures = figures_of(output)
    if figures["failures"] or not figures["requests"]:
        raise LoadFailed(f"{figures['failures']} requests failed beside {figures['requests']} that were answered")
    seconds = figures["duration_us"] / 1e6
    return Load(
        requests=int(figures["requests"]),
        requests_per_s=figures["requests"] / seconds,
        mean_ms=connections * seconds * 1000 / figures["requests"],
        median_ms=figures["median_us"] / 1000,
        p99_ms=figures["p99_us"] / 1000,
    )

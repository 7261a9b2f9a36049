"""Offers a system requests at a fixed rate, from a process of its own (benchmarks/arrivals.py)."""

import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import ANSWER_WITHIN_S, LoadFailed, figures_of, run_generator

CONNECTIONS = 256
"""That are kept open: more than a system has to answer at once below its peak, so that requests rarely wait for one."""

PEAK_CONNECTIONS = 128
AT_ONCE = 1e9
"""A rate at which all requests are due at the beginning: each connection sends its next one once it is answered."""

FIRST_COUNT = 500
"""Requests that tell how many are needed for a peak of some seconds."""


@dataclass(frozen=True)
class Latencies:
    """Of all requests of one run, in milliseconds from when they were due; of one that failed there is no run.

    `late_p99_ms` is how late the generator itself was, which is in all of them, and `waited` is the share of the
    requests that found no free connection.
    """

    rate: float
    p50_ms: float
    p99_ms: float
    p99_9_ms: float
    late_p99_ms: float
    waited: float


async def offer(url: str, requests: Path, rate: float, seconds: float) -> Latencies:
    """Requests arrive at random, `rate` a second, for so long. LoadFailed when one of them fails."""
    figures = await _run(url, requests, rate, max(1, round(rate * seconds)), CONNECTIONS)
    return Latencies(
        rate=rate,
        p50_ms=figures["p50_us"] / 1000,
        p99_ms=figures["p99_us"] / 1000,
        p99_9_ms=figures["p99_9_us"] / 1000,
        late_p99_ms=figures["late_p99_us"] / 1000,
        waited=figures["waited"] / figures["requests"],
    )


async def peak(url: str, requests: Path, seconds: float) -> float:
    """Requests per second of a closed loop of 128 connections, by the same generator, whose CPU is part of it."""
    rate, count = 0.0, FIRST_COUNT
    for _ in range(2):
        figures = await _run(url, requests, AT_ONCE, count, PEAK_CONNECTIONS)
        rate = figures["requests"] / figures["seconds"]
        count = max(FIRST_COUNT, round(rate * seconds))
    return rate


async def _run(url: str, requests: Path, rate: float, count: int, connections: int) -> dict[str, float]:
    arguments = (url, str(requests), str(rate), str(count), str(connections))
    within_s = count / rate + 3 * ANSWER_WITHIN_S
    figures = figures_of(await run_generator((sys.executable, "-m", "benchmarks.arrivals", *arguments), within_s))
    if figures["failures"]:
        raise LoadFailed(f"{figures['failures']} requests failed beside {figures['requests']} that were answered")
    return figures

"""`python -m benchmarks.python_load URL FILE CONNECTIONS SECONDS`: what requests.lua does, where there is no wrk."""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import uvloop

from benchmarks.load import ANSWER_WITHIN_S, Pressure

FIRST_ERROR_STATUS = 400


class Generator:
    """The requests in turn, and what their answers showed."""

    def __init__(self, session: aiohttp.ClientSession, requests: Path) -> None:
        lines = [line.split(" ", 2) for line in requests.read_text().splitlines()]
        self._session = session
        self._requests: Iterator[list[str]] = itertools.cycle(lines)
        self._latencies_us: list[int] = []
        self._failures = 0

    async def run(self, pressure: Pressure) -> dict[str, int]:
        """The figures, as requests.lua prints them."""
        began = time.perf_counter()
        until = began + pressure.seconds
        await asyncio.gather(*(self._connection(until) for _ in range(pressure.connections)))
        ordered = sorted(self._latencies_us)
        return {
            "requests": len(ordered),
            "duration_us": int((time.perf_counter() - began) * 1e6),
            "median_us": ordered[len(ordered) // 2],
            "p99_us": ordered[len(ordered) * 99 // 100],
            "failures": self._failures,
        }

    async def _connection(self, until: float) -> None:
        while (began := time.perf_counter()) < until:
            method, path, *body = next(self._requests)
            headers = {"Content-Type": "application/json"} if body else None
            try:
                async with self._session.request(method, path, data="".join(body) or None, headers=headers) as answer:
                    await answer.read()
                    self._failures += answer.status >= FIRST_ERROR_STATUS
            except (aiohttp.ClientError, TimeoutError, OSError):
                self._failures += 1
            self._latencies_us.append(int((time.perf_counter() - began) * 1e6))


async def main(url: str, requests: Path, pressure: Pressure) -> None:
    """Prints the figures as one line of JSON."""
    connector = aiohttp.TCPConnector(limit=pressure.connections)
    timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S)
    async with aiohttp.ClientSession(url, connector=connector, timeout=timeout) as session:
        figures = await Generator(session, requests).run(pressure)
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    _, where, file, count, duration = sys.argv
    uvloop.run(main(where, Path(file), Pressure(int(count), int(duration))))

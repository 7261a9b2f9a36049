"""`python -m benchmarks.python_load URL CONNECTIONS SECONDS REQUESTS [TOKENS]`: what requests.lua does, without wrk."""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import uvloop

from benchmarks.load import ANSWER_WITHIN_S, Pressure

FIRST_ERROR_STATUS = 400


@dataclass(frozen=True)
class Request:
    """One line of the file, ready to be sent."""

    method: str
    path: str
    body: str | None
    headers: Mapping[str, str]


def read_requests(requests: Path, tokens: Path | None) -> Iterator[Request]:
    """The requests of the one file, each with the token that the other has for its user."""
    token_of = dict(line.split() for line in tokens.read_text().splitlines()) if tokens else {}
    for line in requests.read_text().splitlines():
        method, path, body = [*line.split(" ", 2), ""][:3]
        token = token_of.get(path.removeprefix("/api/").partition("/")[0])
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        media_type = {"Content-Type": "application/json"} if body else {}
        yield Request(method, path, body or None, authorization | media_type)


class Generator:
    """The requests in turn, and what their answers showed."""

    def __init__(self, session: aiohttp.ClientSession, requests: Sequence[Request]) -> None:
        self._session = session
        self._requests = itertools.cycle(requests)
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
            one = next(self._requests)
            try:
                async with self._session.request(one.method, one.path, data=one.body, headers=one.headers) as answer:
                    await answer.read()
                    self._failures += answer.status >= FIRST_ERROR_STATUS
            except (aiohttp.ClientError, TimeoutError, OSError):
                self._failures += 1
            self._latencies_us.append(int((time.perf_counter() - began) * 1e6))


async def main(url: str, pressure: Pressure, requests: Path, tokens: Path | None = None) -> None:
    """Prints the figures as one line of JSON."""
    connector = aiohttp.TCPConnector(limit=pressure.connections)
    timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S)
    async with aiohttp.ClientSession(url, connector=connector, timeout=timeout) as session:
        figures = await Generator(session, [*read_requests(requests, tokens)]).run(pressure)
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    _, where, count, duration, *files = sys.argv
    uvloop.run(main(where, Pressure(int(count), int(duration)), *map(Path, files)))

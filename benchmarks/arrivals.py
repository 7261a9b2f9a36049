"""An open-loop load of HTTP requests, as a program: they arrive when they are due, however long the answers take.

A closed loop, like wrk's, sends nothing to a server that stalls, and so leaves out the requests that would have waited
("coordinated omission"). Here each latency counts from the moment at which a request was due, the wait for a free
connection and this program's own lateness included. Debian and npm have no such program: wrk2 is not packaged, and hey,
h2load and autocannon pace their connections, each of which still waits for its last answer.
"""

import asyncio
import gc
import json
import os
import random
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import httptools
import uvloop

ANSWER_WITHIN_S = 30.0
FIRST_ARRIVAL_NS = 100_000_000
"""After the connections are open."""


def due_times_ns(rate: float, count: int) -> list[int]:
    """When so many requests are due, from 0 on: a Poisson process of `rate` a second, as that of many users."""
    chance, at_s, times = random.Random(5), 0.0, []  # noqa: S311 - the same for everyone who is measured
    for _ in range(count):
        at_s += chance.expovariate(rate)
        times.append(int(at_s * 1e9))
    return times


def prepared(path: Path, host: str) -> list[bytes]:
    """The requests of the file, "METHOD PATH BODY" a line, as bytes to send."""
    requests = []
    for line in path.read_text().splitlines():
        method, target, *body = line.split(" ", 2)
        content = body[0].encode() if body else b""
        headers = f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n" if body else ""
        requests.append(f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n".encode() + content)
    return requests


def _not_connected(_: bytes) -> None:
    raise ConnectionError("not connected yet")


class Connection(asyncio.Protocol):
    """A kept connection with at most one request on its way."""

    def __init__(self, load: "Arrivals") -> None:
        self._load = load
        self._parser = httptools.HttpResponseParser(self)
        self._write: Callable[[bytes], None] = _not_connected
        self.due_ns = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write = cast("asyncio.WriteTransport", transport).write

    def send(self, request: bytes, due_ns: int) -> None:
        """Sends a request that was due then."""
        self.due_ns = due_ns
        self._write(request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        self._load.answered(self, self._parser.get_status_code())

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.lost()


class Arrivals:
    """Sends each request when it is due, on whichever connection is free, and keeps the latencies."""

    def __init__(self, requests: Sequence[bytes], due_ns: Sequence[int]) -> None:
        self.latencies_ns: list[int] = []
        self.failures = 0
        self.waited = 0  # were due while no connection was free
        self.late_ns: list[int] = []  # how long after its time each was noticed here
        self.done = asyncio.Event()
        self._requests = requests
        self._due_ns = due_ns
        self._arrived = 0
        self._idle: deque[Connection] = deque()
        self._waiting: deque[tuple[bytes, int]] = deque()
        self._began_ns = 0
        # A timer of the kernel: those of event loops round up to a millisecond.
        self._timer = os.timerfd_create(time.CLOCK_MONOTONIC, flags=os.TFD_NONBLOCK | os.TFD_CLOEXEC)

    def begin(self, connections: Sequence[Connection]) -> None:
        """Starts the clock."""
        self._idle.extend(connections)
        self._began_ns = time.monotonic_ns() + FIRST_ARRIVAL_NS
        asyncio.get_running_loop().add_reader(self._timer, self._arrive)
        self._set_timer()

    def end(self) -> None:
        """Stops the clock."""
        asyncio.get_running_loop().remove_reader(self._timer)
        os.close(self._timer)

    def _set_timer(self) -> None:
        initial = self._began_ns + self._due_ns[self._arrived]
        os.timerfd_settime_ns(self._timer, flags=os.TFD_TIMER_ABSTIME, initial=initial)

    def _arrive(self) -> None:
        os.read(self._timer, 8)
        now_ns = time.monotonic_ns()
        while self._arrived < len(self._due_ns) and (due := self._began_ns + self._due_ns[self._arrived]) <= now_ns:
            self.late_ns.append(now_ns - due)
            request = self._requests[self._arrived % len(self._requests)]
            self._arrived += 1
            if self._idle:
                self._idle.popleft().send(request, due)
            else:
                self.waited += 1
                self._waiting.append((request, due))
        if self._arrived < len(self._due_ns):
            self._set_timer()

    def answered(self, connection: Connection, status: int) -> None:
        """Notes an answer, and gives the connection to the request that has waited longest."""
        self.latencies_ns.append(time.monotonic_ns() - connection.due_ns)
        self.failures += status >= 400  # noqa: PLR2004 - errors (RFC 9110)
        if self._waiting:
            connection.send(*self._waiting.popleft())
        else:
            self._idle.append(connection)
        if len(self.latencies_ns) == len(self._due_ns):
            self.done.set()

    def lost(self) -> None:
        """A connection ended: what was on its way on it is not known to be answered."""
        if not self.done.is_set():
            self.failures += 1
            self.done.set()

    def figures(self) -> dict[str, float]:
        """What is printed: microseconds, and the seconds from the first request to the last answer."""
        latencies, late = sorted(self.latencies_ns), sorted(self.late_ns)
        return {
            "requests": len(latencies),
            "failures": self.failures,
            "seconds": (time.monotonic_ns() - self._began_ns) / 1e9,
            "waited": self.waited,
            "late_p99_us": percentile(late, 0.99) / 1e3,
            **{f"p{name}_us": percentile(latencies, share) / 1e3 for name, share in PERCENTILES.items()},
        }


PERCENTILES = {"50": 0.5, "99": 0.99, "99_9": 0.999}


def percentile(ordered: Sequence[int], share: float) -> int:
    """The least value that is not exceeded by this share of them (nearest rank); 0 of none."""
    return ordered[max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1)] if ordered else 0


async def offer(url: str, requests: Path, rate: float, count: int, connections: int) -> dict[str, float]:
    """Offers the requests of the file in turn and over again, `count` at `rate` a second; the figures."""
    parts = urlsplit(url)
    load = Arrivals(prepared(requests, parts.netloc), due_times_ns(rate, count))
    connect = partial(asyncio.get_running_loop().create_connection, lambda: Connection(load))
    opened = [await connect(parts.hostname, parts.port) for _ in range(connections)]
    load.begin([connection for _, connection in opened])
    try:
        async with asyncio.timeout(count / rate + ANSWER_WITHIN_S):
            await load.done.wait()
        return load.figures()
    finally:
        load.end()
        for transport, _ in opened:
            transport.abort()


if __name__ == "__main__":
    gc.disable()  # its pauses would be taken for the server's
    target, file, per_second, number, at_most = sys.argv[1:]
    print(json.dumps(uvloop.run(offer(target, Path(file), float(per_second), int(number), int(at_most)))))

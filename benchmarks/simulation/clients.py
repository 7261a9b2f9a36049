"""Clients of a simulated system."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from gateway.waiting import Full

from benchmarks.simulation.model import Gateway, Request, System


@dataclass(frozen=True)
class Traffic:
    """The shares of the lanes, and either so many connections, each with its next request once the last is answered, or
    so many requests a second, which come whether answered or not."""

    shares: Mapping[str, float]
    connections: int = 0
    requests_per_s: float = 0.0
    users: int = 1_000


class Clients:
    """Send the traffic, the same in every run, to all gateways alike; `answered` has lanes and seconds that it took.

    Belongs to one event loop, in virtual time.
    """

    def __init__(self, system: System, traffic: Traffic) -> None:
        self.answered: list[tuple[str, float]] = []
        self.refused = 0
        self._system, self._traffic = system, traffic
        self._loop = asyncio.get_running_loop()
        self._chance = random.Random(1)  # noqa: S311 - the same in every run, not a secret
        self._users = [UUID(int=number) for number in range(traffic.users)]
        self._lanes, self._weights = list(traffic.shares), list(traffic.shares.values())
        self._unanswered = 0
        self._stopped, self._drained = False, asyncio.Event()

    def start(self) -> None:
        """Sends the first request of each connection, or the first of all that are to come."""
        gateways = self._system.gateways
        for number in range(self._traffic.connections):
            self._send(gateways[number % len(gateways)])
        if not self._traffic.connections:
            self._loop.call_soon(self._arrive)

    async def stop(self) -> None:
        """Sends no more, and returns once all is answered."""
        self._stopped = True
        if self._unanswered:
            await self._drained.wait()

    def _arrive(self) -> None:
        if not self._stopped:
            self._send(self._chance.choice(self._system.gateways))
            self._loop.call_later(self._chance.expovariate(self._traffic.requests_per_s), self._arrive)

    def _send(self, gateway: Gateway) -> None:
        """The gateway's load generator takes CPU time of the shared cores, and none where clients are elsewhere."""
        self._unanswered += 1
        (lane,) = self._chance.choices(self._lanes, self._weights)
        submit = partial(self._submit, gateway, lane, self._loop.time())
        load_s = self._system.parts.costs.load_s if self._system.parts.shared else 0.0
        gateway.load.run(load_s, lambda: gateway.process.run_together(gateway.request_s(lane), submit))

    def _submit(self, gateway: Gateway, lane: str, began: float) -> None:
        user = self._chance.choice(self._users)
        try:
            answer = gateway.lanes[lane].submit(user, Request(user))
        except Full:
            self.refused += 1
            self._end()
            return
        done = partial(self._done, gateway, lane, began)
        answer.add_done_callback(lambda _: gateway.process.run(gateway.request_s(lane), done))

    def _done(self, gateway: Gateway, lane: str, began: float) -> None:
        self.answered.append((lane, self._loop.time() - began))
        if self._traffic.connections and not self._stopped:
            self._send(gateway)
        self._end()

    def _end(self) -> None:
        self._unanswered -= 1
        if self._stopped and not self._unanswered:
            self._drained.set()

"""Clients that follow the event stream of a user who is written to by another client."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any, Literal

import httpx
from local_stack.waiting import until
from taskwire_client.event_stream import Event, EventParser

from faults.history import Campaign
from faults.load import Load
from faults.stream_events import StreamEvent

_EVERY = 3  # clients, one of which is followed
_SILENCE_S = 45.0  # three heartbeats
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 0.5
_FEWEST_EVENTS, _MOST_EVENTS = 5, 40  # after which the stream is left, and resumed at the other gateway
_TOLD_WITHIN_S = 30.0  # a lost hint costs 10 s
_ASKS_FOR_RESET = 0.15  # of the times at which a stream is resumed, after the first
_NO_REVISION = 17  # of no user: revisions begin with the time

type Record = Callable[[StreamEvent], None]


def follows(client: int) -> bool:
    """Whether a stream follows the user of the client with this number."""
    return client % _EVERY == 1


@asynccontextmanager
async def followed_users(plan: Campaign, load: Load, record: Record) -> AsyncIterator[None]:
    """Follows the users inside the context, and at its end until all is told or half a minute has gone by."""
    streams = [StreamClient(plan, number, load, record) for number in filter(follows, range(plan.clients))]
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(stream.run()) for stream in streams]
        yield
        with suppress(TimeoutError):
            await until(lambda: _are_current(streams), within_s=_TOLD_WITHIN_S, every_s=0.2)
        for task in running:
            task.cancel()


async def _are_current(streams: Sequence["StreamClient"]) -> bool:
    async with httpx.AsyncClient(trust_env=False) as http:
        try:
            return all([await stream.is_current(http) for stream in streams])
        except httpx.TransportError:
            return False


class StreamClient:
    """Opens the stream of one user, resumes it where it was for as long as it runs, and records all that it is told.

    It is now at one gateway and now at another, leaves of its own accord too, and asks for changes since a revision
    that there never was, which is a reset: when it first resumes, so that a short campaign has one, and now and then.
    """

    def __init__(self, plan: Campaign, number: int, load: Load, record: Record) -> None:
        self._choice = random.Random(f"{plan.seed} stream {number}")  # noqa: S311 - to be repeated, not to be secret
        self._number = number
        self._path = f"/api/{plan.users[number]}"
        self._load = load
        self._record = record
        self._gateway = number
        self._revision: int | None = None
        self._was_reset = False

    async def run(self) -> None:
        """Follows the stream without end."""
        timeout = httpx.Timeout(self._load.answer_within_s, read=_SILENCE_S)
        async with httpx.AsyncClient(timeout=timeout, trust_env=False) as http:
            while True:
                with suppress(httpx.TransportError):  # what was told before it broke counts
                    await self._follow(http)
                self._gateway += 1
                await self._pause()

    async def is_current(self, http: httpx.AsyncClient) -> bool:
        """Whether it has been told all that there is."""
        answer = await http.get(f"{self._url}/changes", params={"since": self._revision or 0})
        return answer.status_code == HTTPStatus.OK and answer.json()["revision"] == self._revision

    @property
    def _url(self) -> str:
        return f"{self._load.gateway_urls[self._at]}{self._path}"

    @property
    def _at(self) -> int:
        return self._gateway % len(self._load.gateway_urls)

    async def _follow(self, http: httpx.AsyncClient) -> None:
        since = self._since()
        headers = {} if since is None else {"Last-Event-ID": str(since)}
        async with http.stream("GET", f"{self._url}/events", headers=headers) as answer:
            if answer.status_code != HTTPStatus.OK:
                self._tell("refused", data=answer.status_code)
                return
            self._tell("opened", since=since)
            left = self._choice.randint(_FEWEST_EVENTS, _MOST_EVENTS)
            parser = EventParser()
            async for chunk in answer.aiter_bytes():
                for event in parser.feed(chunk):
                    await self._take(http, event)
                    left -= 1
                if left <= 0:
                    return

    def _since(self) -> int | None:
        if self._revision is None:
            return None
        asks_for_reset = not self._was_reset or self._choice.random() < _ASKS_FOR_RESET
        return _NO_REVISION if asks_for_reset else self._revision

    async def _take(self, http: httpx.AsyncClient, event: Event) -> None:
        data = json.loads(event.data)
        if event.name == "reset":
            self._was_reset = True
            self._tell("reset", data=data)
            data = await self._read_all(http)
            self._tell("read", data=data)
        elif event.name == "changes":
            self._tell("changes", data=data)
        self._revision = max(self._revision or 0, data["revision"])

    async def _read_all(self, http: httpx.AsyncClient) -> Any:
        """All tasks, as a client reads them after a reset; it asks again until it has them."""
        while (answer := await http.get(f"{self._url}/changes")).status_code != HTTPStatus.OK:
            await self._pause()
        return answer.json()

    async def _pause(self) -> None:
        await asyncio.sleep(self._choice.uniform(_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S))

    def _tell(
        self,
        kind: Literal["opened", "refused", "changes", "reset", "read"],
        *,
        since: int | None = None,
        data: Any = None,
    ) -> None:
        self._record(StreamEvent(self._number, time.monotonic(), kind, self._at, since, data))

"""When to look for news of the users that have event streams here, when to send a heartbeat, and when a stream ends.

News is looked for when a hint says so, for all users once hints are heard again, and for each user every
EVENT_CHECK_S: so a lost hint costs that long, and no change. All of it is one read, of what has changed since the
revision that the streams have; many streams of a user share it, and many users a request. See ADR 24.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from math import ceil, inf
from uuid import UUID

from common.http.problems import OVERLOADED, TOO_MANY_STREAMS, Problem
from common.runtime.background import backoff

from gateway.event_deltas import Readers, Wanted, send_news
from gateway.event_format import HEARTBEAT
from gateway.event_streams import EventStream, Feed
from gateway.metrics import EVENT_STREAMS
from gateway.reader_link import ReaderUnavailable
from gateway.settings import EventSettings
from gateway.turns import Turns

TICK_S = 0.25
MAX_READS = 64
"""In one request to the task-reader: a request takes some milliseconds then, which is what a hint may have to wait."""

MAX_LOOKS = 8
"""How often news that a hint promised is looked for at each tick: a replica lags. After that it waits for the check."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
RETRY_AFTER_S = 10


class EventHub:
    """The event streams of this process. Belongs to one event loop.

    `streaming` is set from the first stream on. `now` tells the seconds since 1970.
    """

    def __init__(self, readers: Readers, settings: EventSettings) -> None:
        self.streaming = asyncio.Event()
        self.now = time.time
        self._readers = readers
        self._settings = settings
        self._feeds: dict[UUID, Feed] = {}
        self._count = 0
        self._due: dict[Feed, None] = {}
        self._later: set[Feed] = set()
        self._has_due = asyncio.Event()
        self._heartbeats = Turns[EventStream](_ticks(settings.event_heartbeat_s))
        self._checks = Turns[Feed](_ticks(settings.event_check_s))
        self._expiring: dict[int, set[EventStream]] = {}
        self._expired_until = int(self.now())
        EVENT_STREAMS.set_function(lambda: self._count)

    def add(self, user_id: UUID, valid_until: float) -> EventStream:
        """A stream of this user, to be opened or `lost`. Raises a 429 problem when the user has too many, and a 503
        problem when this process has."""
        feed = self._feeds.get(user_id)
        if feed is not None and len(feed.streams) >= self._settings.event_streams_per_user:
            detail = f"The user has {len(feed.streams)} event streams here. Close one of them."
            raise Problem(TOO_MANY_STREAMS, detail, headers={"Retry-After": str(RETRY_AFTER_S)})
        if self._count >= self._settings.event_streams_max:
            raise Problem(OVERLOADED, "Too many event streams are open.")
        if feed is None:
            feed = self._feeds[user_id] = Feed(user_id, self._look_at)
            self._checks.add(feed)
        stream = EventStream(feed, valid_until, self._remove)
        feed.streams.add(stream)
        self._count += 1
        self._heartbeats.add(stream)
        if valid_until < inf:
            self._expiring.setdefault(self._expiry_of(stream), set()).add(stream)
        self.streaming.set()
        return stream

    def hint(self, revisions: Mapping[UUID, int]) -> bool:
        """Users have reached these revisions, as somebody says. Whether one of them has streams here."""
        feeds = [(feed, revision) for user_id, revision in revisions.items() if (feed := self._feeds.get(user_id))]
        for feed, revision in feeds:
            feed.hint(revision)
        return bool(feeds)

    def look_at_all(self) -> None:
        """Looks for news of all users: hints may have been lost."""
        for feed in self._feeds.values():
            self._look_at(feed)

    async def keep_reading(self) -> None:
        """Runs for ever: reads the news that is due, one request at a time."""
        pauses = backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        while True:
            await self._has_due.wait()
            wanted = self._take()
            try:
                if wanted:
                    await send_news(self._readers, wanted)
            except ReaderUnavailable:
                for feed, _ in wanted:
                    self._look_at(feed)
                await asyncio.sleep(next(pauses))
            else:
                pauses = backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
                self._later.update(feed for feed, _ in wanted if feed.is_behind and feed.looks < MAX_LOOKS)

    async def keep_ticking(self) -> None:
        """Runs for ever: heartbeats, checks, and tokens that expire."""
        while True:
            await asyncio.sleep(TICK_S)
            self.tick()

    def tick(self) -> None:
        """What is due now; called every TICK_S."""
        for stream in [*self._expired()]:
            stream.end("expired")
        for stream in self._heartbeats.take():
            if stream.takes_events:
                stream.send(HEARTBEAT)
        later, self._later = self._later, set()
        for feed in (*later, *self._checks.take()):
            self._look_at(feed)

    def _look_at(self, feed: Feed) -> None:
        self._due[feed] = None
        self._has_due.set()

    def _take(self) -> list[Wanted]:
        """Which reads are next, MAX_READS or a user's few more."""
        wanted: list[Wanted] = []
        while self._due and len(wanted) < MAX_READS:
            feed = next(iter(self._due))
            del self._due[feed]
            feed.looks += 1
            wanted += [(feed, revision) for revision in feed.revisions()]
        if not self._due:
            self._has_due.clear()
        return wanted

    def _expired(self) -> Iterator[EventStream]:
        """The streams whose tokens have expired since it was called last."""
        now = int(self.now())
        for second in range(self._expired_until + 1, now + 1):
            yield from self._expiring.pop(second, ())
        self._expired_until = max(now, self._expired_until)

    def _expiry_of(self, stream: EventStream) -> int:
        return max(ceil(stream.valid_until), self._expired_until + 1)

    def _remove(self, stream: EventStream) -> None:
        feed = stream.feed
        feed.streams.discard(stream)
        self._count -= 1
        self._heartbeats.discard(stream)
        if not feed.streams:
            del self._feeds[feed.user_id]
            self._checks.discard(feed)
            self._due.pop(feed, None)
            self._later.discard(feed)


def _ticks(seconds: float) -> int:
    return max(1, round(seconds / TICK_S))

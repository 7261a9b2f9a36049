"""The lanes of the reads: send reads to the task-reader in batches, and return each answer within READ_TIMEOUT_S.

Lists, short pages, searches and single tasks have separate lanes, so that a long list or a search does not delay the
read of one task. What a search or a long page costs is bounded (services/task-writer/sql/list_page.sql), but is up to a
hundred times what a short page costs, so each is a batch of its own (ADR 21).

With READER_PRIMARY_URL each lane has a second one, to a task-reader on the primary: it gets what the readers at
READER_URL cannot answer, because they are away, or behind the revision that a read names (ADR 26).
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from common.contracts.reads import Page
from common.contracts.revised import NotReached, Revised
from common.observability.health import Component
from common.observability.tracing import batch_span
from common.runtime.time_limits import time_limit

from gateway.batching import Batcher, BatchLimits
from gateway.event_deltas import Readers
from gateway.metrics import measured, show_lane
from gateway.reader_link import Answer, ReaderLink, ReaderUnavailable, open_reader_link
from gateway.reading import Read
from gateway.settings import GatewaySettings
from gateway.waiting import BoundedWaits, Full, RejectionPacer

SHORT_PAGE_TASKS = 100
MAX_BEHIND = 1024  # reads that wait for a replica, per process: far less than REQUESTS_MAX_IN_FLIGHT
_FIRST_PAUSE_S = 0.02  # a replica is behind by milliseconds as a rule
_LONGEST_PAUSE_S = 0.64


class TooManyReads(Exception):
    """Too many reads are waiting for this one to be answered in time."""


class ReplicaBehind(ReaderUnavailable):
    """No server that could be asked has reached the read's `min_revision` in time."""


class RevisionUnreached(Exception):
    """The primary has not reached the read's `min_revision`: no change of this user has it."""


class ReadLane:
    """Batches reads of one kind for the link. Belongs to one event loop."""

    def __init__(self, name: str, link: ReaderLink, limits: BatchLimits, waits: "ReadWaits") -> None:
        self.primary: ReadLane | None = None
        self._link = link
        self._waits = waits
        self._batcher: Batcher[Read, Answer] = Batcher(measured(name, self._ask), limits)
        show_lane(name, self._batcher)
        self._rejections = RejectionPacer()

    async def call(self, read: Read) -> Revised | None:
        """The answer to `read` within READ_TIMEOUT_S, waiting included. Raises ReaderUnavailable or TooManyReads; for a
        read with a `min_revision`, also ReplicaBehind or RevisionUnreached."""
        behind = False
        try:
            with time_limit(self._waits.timeout_s):
                try:
                    answer = await self._batcher.submit(read["user_id"], read)
                except ReaderUnavailable:
                    if self.primary is None:
                        raise
                    answer = await self.primary.submit(read)
                if isinstance(answer, NotReached):
                    behind = True
                    answer = await self._once_reached(read, answer)
                return answer
        except Full:
            await self._rejections.wait()
            raise TooManyReads from None
        except TimeoutError:
            if behind:
                raise ReplicaBehind("no server has reached the revision in time") from None
            raise ReaderUnavailable("there was no answer in time") from None

    def submit(self, read: Read) -> asyncio.Future[Answer]:
        """The future answer of this lane's readers alone. Raises Full when too many wait."""
        return self._batcher.submit(read["user_id"], read)

    async def _once_reached(self, read: Read, answer: Answer) -> Revised | None:
        """The answer of the primary's reader, if there is one. Who may reach the revision yet is asked again after
        growing pauses; without a limit of its own."""
        lane = self
        if self.primary is not None:
            with suppress(ReaderUnavailable):  # the replica may still get there
                answer = await self.primary.submit(read)
                lane = self.primary
        if answer is NotReached.BEHIND:
            pauses = _pauses_s()
            with self._waits.behind.holding(read["user_id"]):
                while answer is NotReached.BEHIND:
                    await asyncio.sleep(next(pauses))
                    answer = await lane.submit(read)
        if isinstance(answer, NotReached):
            raise RevisionUnreached
        return answer

    async def _ask(self, reads: Sequence[Read]) -> Sequence[Answer]:
        with batch_span("ask task-reader", "CLIENT", (read.get("traceparent") for read in reads)) as traceparent:
            return await self._link.ask(reads, traceparent)


@dataclass(frozen=True)
class ReadWaits:
    """How long a read may take, and the reads of all lanes that wait for a replica."""

    timeout_s: float
    behind: BoundedWaits


def _pauses_s() -> Iterator[float]:
    pause_s = _FIRST_PAUSE_S
    while True:
        yield pause_s
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


@dataclass(frozen=True)
class ReadLanes:
    """One lane for each kind of read, and the health of the task-readers. Those for events have no lane: they are asked
    by one caller, with a batch."""

    lists: ReadLane
    pages: ReadLane
    searches: ReadLane
    finds: ReadLane
    changes: ReadLane
    for_events: Readers
    components: Mapping[str, Component]

    def lane_of(self, page: Page) -> ReadLane:
        """The lane of short pages, or that of those that may look at many tasks to show a few, or show many."""
        is_range = page.order.endswith("created_at") or (page.created_after is None and page.created_before is None)
        is_filtered = page.q is not None or page.is_completed is not None or not is_range
        return self.searches if is_filtered or page.limit > SHORT_PAGE_TASKS else self.pages


@asynccontextmanager
async def open_read_lanes(settings: GatewaySettings) -> AsyncIterator[ReadLanes]:
    """The lanes and their links, usable immediately."""
    waits = ReadWaits(settings.read_timeout_s, BoundedWaits(MAX_BEHIND))
    async with AsyncExitStack() as opened:
        link = await opened.enter_async_context(open_reader_link(settings.reader_url, settings))
        components, primary = {"task_reader": link.component}, None
        if settings.reader_primary_url is not None:
            primary = await opened.enter_async_context(open_reader_link(settings.reader_primary_url, settings))
            components["primary_reader"] = primary.component

        def lane(name: str, max_batch: int) -> ReadLane:
            limits = BatchLimits(
                max_batch=max_batch,
                max_in_flight=settings.reads_max_in_flight,
                max_waiting=settings.reads_max_waiting,
                longest_wait_s=settings.read_timeout_s / 2,
            )
            made = ReadLane(name, link, limits, waits)
            made.primary = None if primary is None else ReadLane(f"{name}_primary", primary, limits, waits)
            return made

        yield ReadLanes(
            lists=lane("lists", settings.lists_max_batch),
            pages=lane("pages", settings.pages_max_batch),
            searches=lane("searches", 1),
            finds=lane("finds", settings.finds_max_batch),
            changes=lane("changes", settings.lists_max_batch),
            for_events=Readers(
                measured("events", link.ask), None if primary is None else measured("events_primary", primary.ask)
            ),
            components=components,
        )

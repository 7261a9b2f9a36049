"""The lanes of the reads: send reads to the task-reader in batches, and return each answer within READ_TIMEOUT_S.

Lists, short pages, searches and single tasks have separate lanes, so that a long list or a search does not delay the
read of one task. What a search or a long page costs is bounded (services/task-writer/sql/list_page.sql), but is up to a
hundred times what a short page costs, so each is a batch of its own (ADR 21).
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from common.contracts.reads import Page, Read
from common.contracts.revised import NotReached, Revised
from common.observability.health import Component
from common.observability.tracing import batch_span
from common.runtime.time_limits import time_limit

from gateway.batching import Batcher, BatchLimits
from gateway.metrics import measured, show_lane
from gateway.reader_link import Answer, ReaderLink, ReaderUnavailable, open_reader_link
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
                answer = await self._batcher.submit(read.user_id, read)
                if isinstance(answer, NotReached):
                    behind = True
                    answer = await self._once_reached(read, answer)
                return answer
        except Full:
            await self._rejections.wait()
            raise TooManyReads from None
        except TimeoutError:
            if behind:
                raise ReplicaBehind("no replica has reached the revision in time") from None
            raise ReaderUnavailable("there was no answer in time") from None

    async def _once_reached(self, read: Read, answer: Answer) -> Revised | None:
        """Asks again after growing pauses, until a replica has reached the revision; without a limit of its own."""
        pauses = _pauses_s()
        with self._waits.behind.holding(read.user_id):
            while answer is NotReached.BEHIND:
                await asyncio.sleep(next(pauses))
                answer = await self._batcher.submit(read.user_id, read)
        if isinstance(answer, NotReached):
            raise RevisionUnreached
        return answer

    async def _ask(self, reads: Sequence[Read]) -> Sequence[Answer]:
        with batch_span("ask task-reader", "CLIENT", reads) as traceparent:
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
    """One lane for each kind of read, and the task-reader's health."""

    lists: ReadLane
    pages: ReadLane
    searches: ReadLane
    finds: ReadLane
    changes: ReadLane
    component: Component

    def lane_of(self, page: Page) -> ReadLane:
        """The lane of short pages, or that of those that may look at many tasks to show a few, or show many."""
        is_range = page.order.endswith("created_at") or (page.created_after is None and page.created_before is None)
        is_filtered = page.q is not None or page.is_completed is not None or not is_range
        return self.searches if is_filtered or page.limit > SHORT_PAGE_TASKS else self.pages


@asynccontextmanager
async def open_read_lanes(settings: GatewaySettings) -> AsyncIterator[ReadLanes]:
    """The lanes and their link, usable immediately."""
    async with open_reader_link(settings) as link:
        waits = ReadWaits(settings.read_timeout_s, BoundedWaits(MAX_BEHIND))

        def lane(name: str, max_batch: int) -> ReadLane:
            limits = BatchLimits(
                max_batch=max_batch,
                max_in_flight=settings.reads_max_in_flight,
                max_waiting=settings.reads_max_waiting,
                longest_wait_s=settings.read_timeout_s / 2,
            )
            return ReadLane(name, link, limits, waits)

        yield ReadLanes(
            lists=lane("lists", settings.lists_max_batch),
            pages=lane("pages", settings.pages_max_batch),
            searches=lane("searches", 1),
            finds=lane("finds", settings.finds_max_batch),
            changes=lane("changes", settings.lists_max_batch),
            component=link.component,
        )

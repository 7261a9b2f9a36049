"""Adaptive batching: what arrives waits together while a batch is on its way, and nothing waits for a batch to fill.

An item leaves at once while nothing is on its way, with all that arrived in the same turn of the event loop. Otherwise
it leaves with all others that wait, as soon as a slot is free and half as many wait as are on their way at least: no
slot is spent on a few while the many come back. That costs an item MAX_LINGER_S at most. One client alone gets batches
of one; under load the cost of a round trip is shared by the whole batch. See ADR 2.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from uuid import UUID

from common.runtime import eager_tasks

from gateway.waiting import WaitingRoom

MAX_LINGER_S = 0.005  # about the time that a small batch is on its way


@dataclass(frozen=True)
class BatchLimits:
    """How many items fit into a batch, how many batches are on their way at once, how many items may wait, how long."""

    max_batch: int
    max_in_flight: int
    max_waiting: int
    longest_wait_s: float


class Batcher[Item, Answer]:
    """Sends items in batches and hands each its own answer. Belongs to one event loop.

    `send` takes a batch and returns its answers in the same order; what it raises, every item of the batch raises. It
    must come to an end: its batch holds a slot until then.
    """

    def __init__(self, send: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]], limits: BatchLimits) -> None:
        self._send = send
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._waiting: WaitingRoom[tuple[Item, asyncio.Future[Answer]]] = WaitingRoom(
            places=limits.max_waiting, longest_wait_s=limits.longest_wait_s, clock=self._loop.time
        )
        self._under_way: dict[int, int] = {}  # the number of items of each batch
        self._numbers = count()
        self._exchanges: set[asyncio.Task[None]] = set()
        self._flush_due = self._flushing = False
        self._linger: asyncio.TimerHandle | None = None

    def submit(self, user_id: UUID, item: Item) -> asyncio.Future[Answer]:
        """The answer to come. Cancelling it while the item waits takes the item back; `Full` when too many wait."""
        answer: asyncio.Future[Answer] = self._loop.create_future()
        self._waiting.add(user_id, (item, answer))
        self._flush_soon()
        return answer

    @property
    def waiting(self) -> int:
        """How many items have not left yet."""
        return len(self._waiting)

    @property
    def in_flight(self) -> int:
        """How many batches hold a slot."""
        return len(self._under_way)

    def answer_waiting(self, answer: Answer) -> None:
        """Answers all that wait, at once; what is on its way stays on its way."""
        for _, waiting in self._waiting.take(len(self._waiting)):
            if not waiting.done():
                waiting.set_result(answer)

    def _flush_soon(self) -> None:
        """Sends at the end of this turn of the event loop, so that items of one turn share a batch."""
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Sends while there are slots and enough that wait; too few have to wait MAX_LINGER_S for more."""
        self._flush_due = False
        if self._flushing:
            return  # a batch has come to its end at once: the loop below goes on
        self._flushing = True
        try:
            while self._waiting and len(self._under_way) < self._limits.max_in_flight:
                if len(self._waiting) * 2 < sum(self._under_way.values()):
                    self._linger = self._linger or self._loop.call_later(MAX_LINGER_S, self._lingered)
                    return
                self._send_batch()
        finally:
            self._flushing = False

    def _lingered(self) -> None:
        self._linger = None
        if self._waiting and len(self._under_way) < self._limits.max_in_flight:
            self._send_batch()

    def _send_batch(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        batch = [entry for entry in self._waiting.take(self._limits.max_batch) if not entry[1].done()]
        if batch:
            exchange = eager_tasks.start(self._exchange(batch))
            self._exchanges.add(exchange)
            exchange.add_done_callback(self._exchanges.discard)

    async def _exchange(self, batch: Sequence[tuple[Item, asyncio.Future[Answer]]]) -> None:
        """The next batch leaves before the answers of this one are handed out: those who get them have much to do."""
        try:
            with self._slot(len(batch)):
                values = await self._send([item for item, _ in batch])
            answered = list(zip(batch, values, strict=True))  # as a whole, before any answer is handed out
            for (_, answer), value in answered:
                if not answer.done():
                    answer.set_result(value)
        except Exception as error:
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(error)

    @contextmanager
    def _slot(self, items: int) -> Iterator[None]:
        number = next(self._numbers)
        self._under_way[number] = items
        try:
            yield
        finally:
            del self._under_way[number]
            self._flush()

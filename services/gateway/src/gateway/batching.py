"""Adaptive batching: items that arrive while a batch is in flight form the next batch; no batch waits to fill up.

While nothing is in flight, an item is sent immediately, with all others of the same event loop iteration. Otherwise all
waiting items are sent as soon as a slot is free and at least half as many items wait as are in flight, so that a slot
is not spent on a few items while many are about to return. That delays an item by MAX_LINGER_S at most. A single client
gets batches of one; under load the whole batch shares the cost of a round trip. See ADR 2.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from common.runtime import eager_tasks

from gateway.waiting import FairQueue, User

MAX_LINGER_S = 0.005  # about the round trip of a small batch


@dataclass(frozen=True)
class BatchLimits:
    """Limits: items per batch, batches in flight, waiting items, and how long an item may wait."""

    max_batch: int
    max_in_flight: int
    max_waiting: int
    longest_wait_s: float


class Batcher[Item, Answer]:
    """Sends items in batches and returns each item's own answer. Belongs to one event loop.

    `send` takes a batch and returns its answers in the same order; an error is raised for every item of the
    batch. It must have a time limit, because its batch holds a slot until it returns.
    """

    def __init__(self, send: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]], limits: BatchLimits) -> None:
        self._send = send
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._waiting: FairQueue[tuple[Item, asyncio.Future[Answer]]] = FairQueue(
            capacity=limits.max_waiting, longest_wait_s=limits.longest_wait_s, clock=self._loop.time
        )
        self._batches = self._items = 0  # in flight
        self._round_trips: set[asyncio.Task[None]] = set()
        self._flush_due = self._flushing = False
        self._linger: asyncio.TimerHandle | None = None

    def submit(self, user_id: User, item: Item) -> asyncio.Future[Answer]:
        """The future answer. Cancelling it while the item waits withdraws the item. Raises Full when too many wait."""
        answer: asyncio.Future[Answer] = self._loop.create_future()
        self._waiting.add(user_id, (item, answer))
        self._flush_soon()
        return answer

    @property
    def waiting(self) -> int:
        """How many items wait to be sent."""
        return len(self._waiting)

    @property
    def in_flight(self) -> int:
        """How many batches hold a slot."""
        return self._batches

    def answer_waiting(self, answer: Answer) -> None:
        """Answers all waiting items immediately; batches in flight are not affected."""
        for _, waiting in self._waiting.take(len(self._waiting)):
            if not waiting.done():
                waiting.set_result(answer)

    def _flush_soon(self) -> None:
        """Sends at the end of this event loop iteration, so that its items share a batch."""
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Sends while slots are free and enough items wait; too few linger for MAX_LINGER_S."""
        self._flush_due = False
        if self._flushing:
            return  # a batch ended synchronously: the loop below continues
        self._flushing = True
        try:
            while self._waiting and self._batches < self._limits.max_in_flight:
                if len(self._waiting) * 2 < self._items:
                    self._linger = self._linger or self._loop.call_later(MAX_LINGER_S, self._linger_ended)
                    return
                self._send_batch()
        finally:
            self._flushing = False

    def _linger_ended(self) -> None:
        self._linger = None
        if self._waiting and self._batches < self._limits.max_in_flight:
            self._send_batch()

    def _send_batch(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        batch = [entry for entry in self._waiting.take(self._limits.max_batch) if not entry[1].done()]
        if batch:
            round_trip = eager_tasks.start(self._round_trip(batch))
            self._round_trips.add(round_trip)
            round_trip.add_done_callback(self._round_trips.discard)

    async def _round_trip(self, batch: Sequence[tuple[Item, asyncio.Future[Answer]]]) -> None:
        """Sends the next batch before it delivers the answers of this one, because the receivers then use the CPU."""
        try:
            values = await self._send_in_slot([item for item, _ in batch])
            answered = list(zip(batch, values, strict=True))  # checked before any answer is delivered
            for (_, answer), value in answered:
                if not answer.done():
                    answer.set_result(value)
        except Exception as error:
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(error)

    async def _send_in_slot(self, items: Sequence[Item]) -> Sequence[Answer]:
        self._batches += 1
        self._items += len(items)
        try:
            return await self._send(items)
        finally:
            self._batches -= 1
            self._items -= len(items)
            self._flush()

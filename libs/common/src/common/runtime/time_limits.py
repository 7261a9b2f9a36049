"""`asyncio.timeout` for code that needs one per request, with one shared timer.

`asyncio.timeout` starts and stops a timer of the event loop each time, which was 9 % of the gateway's CPU time for a
write. Nearly all limits end long before they expire, so one timer waits for the earliest. Ending one costs O(1) on
average. Ended limits are removed: at most as many are kept as there are live ones, plus MAX_ENDED.
"""

import asyncio
from heapq import heapify, heappop, heappush
from itertools import count
from types import TracebackType
from typing import Any, Self

MAX_ENDED = 64  # ended limits that are not worth a compaction


class time_limit:  # noqa: N801 - used as a function, like asyncio.timeout
    """`with time_limit(seconds):` cancels the task's work in the block after that time, and then raises TimeoutError.

    Zero or less expires at the first await that blocks.
    """

    __slots__ = ("_cancelling", "_expired", "_limits", "_seconds", "_task", "ended")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.ended = self._expired = False

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a time limit needs a task")
        self._task: asyncio.Task[Any] = task
        self._cancelling = task.cancelling()
        self._limits = _limits_of_loop()
        self._limits.add(self, self._seconds)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.ended = True
        if not self._expired:
            self._limits.count_ended()
        elif (
            self._task.uncancel() <= self._cancelling and kind is not None and issubclass(kind, asyncio.CancelledError)
        ):
            raise TimeoutError from error

    def expire(self) -> None:
        """Cancels the task under this limit."""
        self._expired = True
        self._task.cancel()


class _Limits:
    """The limits of one event loop, and the timer of the earliest."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._numbers = count()  # orders limits with equal times
        self._waiting: list[tuple[float, int, time_limit]] = []  # a heap
        self._ended = 0  # ended limits in the heap
        self._timer: asyncio.Handle | None = None
        self._timer_at = 0.0  # stored, because uvloop returns a handle without `when` for a time in the past

    def add(self, limit: time_limit, seconds: float) -> None:
        heappush(self._waiting, (self.loop.time() + seconds, next(self._numbers), limit))
        if self._timer is None or self._timer_at > self._waiting[0][0]:
            self._set_timer()

    def count_ended(self) -> None:
        """Counts a limit that ended before it expired, and compacts the heap when enough have ended; amortised O(1)."""
        self._ended += 1
        if self._ended > MAX_ENDED and self._ended * 2 > len(self._waiting):
            self._waiting = [entry for entry in self._waiting if not entry[2].ended]
            heapify(self._waiting)
            self._ended = 0

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            self._timer_at = self._waiting[0][0]
            self._timer = self.loop.call_at(self._timer_at, self._expire_due)

    def _expire_due(self) -> None:
        now = self.loop.time()
        while self._waiting and (self._waiting[0][0] <= now or self._waiting[0][2].ended):
            _, _, limit = heappop(self._waiting)
            if limit.ended:
                self._ended -= 1
            else:
                limit.expire()
        self._timer = None
        self._set_timer()


_limits: _Limits | None = None  # of the most recent loop; a service has only one


def _limits_of_loop() -> _Limits:
    global _limits  # noqa: PLW0603
    loop = asyncio.get_running_loop()
    if _limits is None or _limits.loop is not loop:
        _limits = _Limits(loop)
    return _limits

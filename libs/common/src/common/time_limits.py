"""Time limits for code that sets one for every request: `asyncio.timeout`, with one timer for all of them.

`asyncio.timeout` starts and stops a timer of the event loop each time, which was 9 % of the gateway's CPU time for a
write. Nearly all limits end long before their time, so here one timer waits for the earliest, and an end costs nothing.
"""

import asyncio
from heapq import heappop, heappush
from itertools import count
from types import TracebackType
from typing import Any, Self


class time_limit:  # noqa: N801 - used as a function, like asyncio.timeout
    """`with time_limit(seconds):` cancels the task's work within it after that time, and then raises TimeoutError.

    Zero or less ends it at its first pause.
    """

    __slots__ = ("_cancelling", "_ended", "_expired", "_seconds", "_task")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ended = self._expired = False

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a time limit needs a task")
        self._task: asyncio.Task[Any] = task
        self._cancelling = task.cancelling()
        _limits_of_loop().add(self, self._seconds)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._ended = True
        if (
            self._expired
            and self._task.uncancel() <= self._cancelling
            and kind is not None
            and issubclass(kind, asyncio.CancelledError)
        ):
            raise TimeoutError from error

    @property
    def ended(self) -> bool:
        """Whether nothing waits under this limit any more."""
        return self._ended

    def expire(self) -> None:
        """Cancels what waits under this limit."""
        self._expired = True
        self._task.cancel()


class _Limits:
    """The limits of one event loop, and the one timer, which is set for the first of them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._numbers = count()  # orders limits of the same moment
        self._waiting: list[tuple[float, int, time_limit]] = []
        self._timer: asyncio.Handle | None = None
        self._timer_at = 0.0  # kept here: uvloop makes a handle without `when` for a time that has passed

    def add(self, limit: time_limit, seconds: float) -> None:
        self._forget_ended()
        heappush(self._waiting, (self.loop.time() + seconds, next(self._numbers), limit))
        if self._timer is None or self._timer_at > self._waiting[0][0]:
            self._set_timer()

    def _forget_ended(self) -> None:
        """Keeps few that have ended: those behind the first that has not, until their time."""
        while self._waiting and self._waiting[0][2].ended:
            heappop(self._waiting)

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
            if not limit.ended:
                limit.expire()
        self._timer = None
        self._set_timer()


_limits: _Limits | None = None  # of the loop that asked last; in a service there is one alone


def _limits_of_loop() -> _Limits:
    global _limits  # noqa: PLW0603
    loop = asyncio.get_running_loop()
    if _limits is None or _limits.loop is not loop:
        _limits = _Limits(loop)
    return _limits

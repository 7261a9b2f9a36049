"""Time limits that change often and rarely expire, such as those of a connection."""

import asyncio
from collections.abc import Callable
from math import inf


class Deadline:
    """One time limit at a time; setting, resetting or clearing it rarely needs a call of the event loop.

    An existing timer stays scheduled and, when it fires too early, is rescheduled. Only an earlier limit needs a new
    timer.
    """

    __slots__ = ("_at", "_loop", "_then", "_timer", "_timer_at")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._at = self._timer_at = inf
        self._then: Callable[[], None] = _nothing
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float, then: Callable[[], None]) -> None:
        """Calls `then` after `seconds`; replaces what was set before."""
        self._at = self._loop.time() + seconds
        self._then = then
        if self._at < self._timer_at:
            self._start_timer()

    def clear(self) -> None:
        """Clears the limit until it is set again."""
        self._at = inf

    def stop(self) -> None:
        """Clears the limit permanently, and leaves no reference in the event loop."""
        self._at = self._timer_at = inf
        self._then = _nothing
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = self._at
        self._timer = self._loop.call_at(self._at, self._on_timer)

    def _on_timer(self) -> None:
        self._timer, self._timer_at = None, inf
        if self._at == inf:
            return
        if self._loop.time() < self._at:
            self._start_timer()
        else:
            self._at = inf
            self._then()


def _nothing() -> None:
    """The callback when no limit is set."""

"""Time limits that change often and are seldom reached, such as those of a connection."""

import asyncio
from collections.abc import Callable
from math import inf


class Deadline:
    """One time limit at a time: to set it, set it anew or clear it mostly costs no call of the event loop.

    The timer that is there stays where it is, and looks when it comes whether it is too early. Only a limit that is
    earlier than it needs a new one.
    """

    __slots__ = ("_at", "_loop", "_then", "_timer", "_timer_at")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._at = self._timer_at = inf
        self._then: Callable[[], None] = _nothing
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float, then: Callable[[], None]) -> None:
        """Calls `then` after so long, instead of what was set before."""
        self._at = self._loop.time() + seconds
        self._then = then
        if self._at < self._timer_at:
            self._start_timer()

    def clear(self) -> None:
        """Calls nothing any more, until it is set again."""
        self._at = inf

    def stop(self) -> None:
        """As `clear`, for good: nothing is left in the event loop that holds what was set."""
        self._at = self._timer_at = inf
        self._then = _nothing
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = self._at
        self._timer = self._loop.call_at(self._at, self._look)

    def _look(self) -> None:
        self._timer, self._timer_at = None, inf
        if self._at == inf:
            return
        if self._loop.time() < self._at:
            self._start_timer()
        else:
            self._at = inf
            self._then()


def _nothing() -> None:
    """What is done when nothing was set."""

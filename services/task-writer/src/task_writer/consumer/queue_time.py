"""Measures the time that batches spend in the queue by the clocks of two hosts, and the skew between them."""

import math
import time
from collections.abc import Callable

from common.contracts.commands import SENT_HEADER

from task_writer import metrics
from task_writer.consumer.delivery import Delivery

WINDOW_S = 60.0


class RecentMinimum:
    """The minimum of the values of the last one to two minutes; NaN without any."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._previous = self._current = math.inf
        self._began_s = now_s()

    def add(self, value: float) -> None:
        self._rotate()
        self._current = min(self._current, value)

    def minimum(self) -> float:
        self._rotate()
        minimum = min(self._previous, self._current)
        return minimum if minimum < math.inf else math.nan

    def _rotate(self) -> None:
        passed = int((self._now_s() - self._began_s) // WINDOW_S)
        if passed:
            self._previous = self._current if passed == 1 else math.inf
            self._current = math.inf
            self._began_s += passed * WINDOW_S


_minimum = RecentMinimum()
metrics.CLOCK_SKEW.set_function(_minimum.minimum)


def observe_queue_time(message: Delivery) -> None:
    """Records the queue time of a message. A redelivered one is only counted: its time includes earlier attempts.

    A negative time means that this host's clock is behind the gateway's. The histogram records it as zero, in a bucket
    of its own, because its sum must not fall.
    """
    if message.redelivered:
        metrics.REDELIVERED.inc()
    elif isinstance(sent := message.headers.get(SENT_HEADER), int):
        seconds = time.time() - sent / 1000
        _minimum.add(seconds)
        metrics.QUEUE_SECONDS.observe(max(seconds, 0.0))

"""Measures the time of batches in the queue by the clocks of two hosts, and the skew between them."""

import math
import time
from collections.abc import Callable

from common.contracts.commands import SENT_HEADER
from faststream.rabbit import RabbitMessage

from task_writer import metrics

WINDOW_S = 60.0


class LeastOfLately:
    """The least of the values of the last one to two minutes; NaN when there were none."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._before = self._current = math.inf
        self._began_s = now_s()

    def add(self, value: float) -> None:
        self._turn()
        self._current = min(self._current, value)

    def least(self) -> float:
        self._turn()
        least = min(self._before, self._current)
        return least if least < math.inf else math.nan

    def _turn(self) -> None:
        passed = int((self._now_s() - self._began_s) // WINDOW_S)
        if passed:
            self._before = self._current if passed == 1 else math.inf
            self._current = math.inf
            self._began_s += passed * WINDOW_S


_least = LeastOfLately()
metrics.CLOCK_SKEW.set_function(_least.least)


def observe_queue_time(message: RabbitMessage) -> None:
    """A message that comes again has been on its way for other reasons than the queue.

    One cannot come before it left: below zero, this host's clock is behind the gateway's. The histogram takes that for
    no time at all, in a bucket of its own, because its sum must not fall.
    """
    if message.raw_message.redelivered:
        metrics.REDELIVERED.inc()
    elif isinstance(sent := message.headers.get(SENT_HEADER), int):
        seconds = time.time() - sent / 1000
        _least.add(seconds)
        metrics.QUEUE_SECONDS.observe(max(seconds, 0.0))

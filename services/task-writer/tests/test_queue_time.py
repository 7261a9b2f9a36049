"""The queue time of batches, and the clock skew that it shows."""

import math

from task_writer.consumer.queue_time import WINDOW_S, RecentMinimum

from tests.clock import Clock


def test_a_negative_time_is_kept() -> None:
    recent = RecentMinimum(Clock())

    for seconds in (0.003, -1.5, 0.2):
        recent.add(seconds)

    assert recent.minimum() == -1.5


def test_old_values_are_dropped() -> None:
    clock = Clock()
    recent = RecentMinimum(clock)
    recent.add(-1.5)

    clock.now += WINDOW_S
    recent.add(0.2)
    assert recent.minimum() == -1.5
    clock.now += WINDOW_S
    assert recent.minimum() == 0.2
    clock.now += 5 * WINDOW_S
    assert math.isnan(recent.minimum())


def test_without_batches_the_skew_is_unknown() -> None:
    assert math.isnan(RecentMinimum(Clock()).minimum())

"""What the times that batches took tell of two clocks."""

import math

from task_writer.consumer.queue_time import WINDOW_S, LeastOfLately

from tests.clock import Clock


def test_a_negative_time_is_kept_as_it_is() -> None:
    lately = LeastOfLately(Clock())

    for seconds in (0.003, -1.5, 0.2):
        lately.add(seconds)

    assert lately.least() == -1.5


def test_what_is_long_past_is_forgotten() -> None:
    clock = Clock()
    lately = LeastOfLately(clock)
    lately.add(-1.5)

    clock.now += WINDOW_S
    lately.add(0.2)
    assert lately.least() == -1.5
    clock.now += WINDOW_S
    assert lately.least() == 0.2
    clock.now += 5 * WINDOW_S
    assert math.isnan(lately.least())


def test_without_batches_nothing_is_known() -> None:
    assert math.isnan(LeastOfLately(Clock()).least())

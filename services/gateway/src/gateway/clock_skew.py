"""Lower bound of the clock skew between this host and PostgreSQL, whose clock decides about deadlines.

It needs no extra queries. A new task has its creation time by PostgreSQL's clock, which by ours was while its batch was
in flight. A command answered as expired before its deadline was judged by a clock that is ahead. Both give a bound;
what a slow network or a long queue can explain does not count.
"""

import re
import time
from collections.abc import Sequence
from datetime import datetime

from common.contracts.outcomes import Outcome

from gateway.commands import AnyCommand, seconds_left
from gateway.metrics import CLOCK_SKEW

MEASURE_EVERY_S = 1.0
_CREATED_AT = re.compile(r'"created_at"\s*:\s*"([^"]+)"')  # quotes in a title are escaped


class ClockSkew:
    """Measures from the outcomes of batches; at most one creation per second."""

    def __init__(self) -> None:
        self._measured_at = float("-inf")

    def observe(self, commands: Sequence[AnyCommand], outcomes: Sequence[Outcome], asked_at: float) -> None:
        """`asked_at` is when the batch was sent, in seconds since 1970; the outcomes have just arrived."""
        answered_at = time.time()
        for command, outcome in zip(commands, outcomes, strict=True):
            if outcome.status == "expired" and (left_s := seconds_left(command)) > 0:
                CLOCK_SKEW.set(left_s)
                return
            if answered_at - self._measured_at < MEASURE_EVERY_S:
                continue
            if command["type"] == "create_task" and outcome.task is not None and not outcome.replayed:
                self._measured_at = answered_at
                theirs = _created_at(outcome.task)
                if theirs is not None:
                    CLOCK_SKEW.set(certain_skew(asked_at, theirs, answered_at))


def _created_at(task: str) -> float | None:
    """A task's creation time in seconds since 1970; None when it cannot be parsed."""
    found = _CREATED_AT.search(task)
    try:
        return None if found is None else datetime.fromisoformat(found[1]).timestamp()
    except (ValueError, OverflowError):
        return None


def certain_skew(asked_at: float, theirs: float, answered_at: float) -> float:
    """The minimum number of seconds that the other clock is ahead (negative: behind), given that it showed `theirs`
    between `asked_at` and `answered_at` of ours.
    """
    if theirs > answered_at:
        return theirs - answered_at
    return min(theirs - asked_at, 0.0)

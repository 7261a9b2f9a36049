"""How far PostgreSQL's clock, which decides about deadlines, certainly differs from this host's.

Nobody is asked for the time. A task that was just created says when that was by PostgreSQL's clock, and it was while
its batch was on its way by ours. A command that comes back as expired before its deadline was judged by a clock that
is ahead. Both give a bound, and what a slow network or a long queue explains is no skew.
"""

import re
import time
from collections.abc import Sequence
from datetime import datetime

from common.contracts.commands import AnyCommand
from common.contracts.outcomes import Outcome

from gateway.metrics import CLOCK_SKEW

MEASURE_EVERY_S = 1.0
_CREATED_AT = re.compile(r'"created_at"\s*:\s*"([^"]+)"')  # quotes in a title have a backslash before them


class ClockSkew:
    """Looks at the outcomes of batches, at one creation a second at most."""

    def __init__(self) -> None:
        self._measured_at = float("-inf")

    def observe(self, commands: Sequence[AnyCommand], outcomes: Sequence[Outcome], asked_at: float) -> None:
        """`asked_at` is when the batch left, in seconds since 1970; it has come back now."""
        answered_at = time.time()
        for command, outcome in zip(commands, outcomes, strict=True):
            if outcome.status == "expired" and command.seconds_left() > 0:
                CLOCK_SKEW.set(command.seconds_left())
                return
            if answered_at - self._measured_at < MEASURE_EVERY_S:
                continue
            if command.type == "create_task" and outcome.task is not None and not outcome.replayed:
                self._measured_at = answered_at
                theirs = _created_at(outcome.task)
                if theirs is not None:
                    CLOCK_SKEW.set(certain_skew(asked_at, theirs, answered_at))


def _created_at(task: str) -> float | None:
    """When a task was created, in seconds since 1970; None when it does not say so in a way that we know."""
    found = _CREATED_AT.search(task)
    try:
        return None if found is None else datetime.fromisoformat(found[1]).timestamp()
    except (ValueError, OverflowError):
        return None


def certain_skew(asked_at: float, theirs: float, answered_at: float) -> float:
    """By how many seconds the other clock is ahead (behind: less than zero), at the least, if it showed `theirs` at
    some moment between the other two of ours.
    """
    if theirs > answered_at:
        return theirs - answered_at
    return min(theirs - asked_at, 0.0)

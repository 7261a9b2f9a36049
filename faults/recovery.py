"""The time until reads and writes succeeded again, after each round of faults."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from faults.history import History, Injury, Operation

LIMIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Recovery:
    """After one round: seconds from the moment when all its parts were back to the first success that began after it,
    at the gateway where that took longest.

    None where no success followed before the end.
    """

    round: int
    kind: str
    back_s: float
    read_s: float | None
    write_s: float | None

    @property
    def took_s(self) -> float:
        """Until both succeeded; infinite where one did not."""
        times = (self.read_s, self.write_s)
        return max((time if time is not None else float("inf") for time in times), default=0.0)

    @property
    def is_in_time(self) -> bool:
        return self.took_s <= LIMIT_S


def recoveries(history: History) -> list[Recovery]:
    """One for each round of injuries, in order."""
    reads = _successes(history, lambda operation: not operation.is_write)
    writes = _successes(history, lambda operation: operation.is_write)
    found = []
    for number, together in groupby(sorted(history.injuries, key=_round), key=_round):
        injuries = list(together)
        back_s = max(injury.back_s for injury in injuries)
        kind = " + ".join(injury.name for injury in injuries)
        found.append(Recovery(number, kind, back_s, _all_s(reads, back_s), _all_s(writes, back_s)))
    return found


def is_success(operation: Operation) -> bool:
    """Whether the operation was carried out; a 404 is an answer too."""
    return operation.is_answered and operation.status is not None


def _round(injury: Injury) -> int:
    return injury.round


type _Successes = tuple[Sequence[float], Sequence[float]]
"""When successes began, in order, and the least end of all that began at that moment or later."""


def _successes(history: History, fits: Callable[[Operation], bool]) -> list[_Successes]:
    """Those at each gateway."""
    spans: list[list[tuple[float, float]]] = [[] for _ in range(history.campaign.gateways)]
    for operation in history.operations:
        if is_success(operation) and fits(operation):
            spans[operation.gateway].append((operation.began_s, operation.ended_s))
    return [_ordered(sorted(of_one)) for of_one in spans]


def _ordered(spans: Sequence[tuple[float, float]]) -> _Successes:
    ends: list[float] = []
    for _, ended_s in reversed(spans):
        ends.append(min(ended_s, ends[-1]) if ends else ended_s)
    return [began_s for began_s, _ in spans], ends[::-1]


def _all_s(successes: Sequence[_Successes], back_s: float) -> float | None:
    firsts = [_first_s(one, back_s) for one in successes]
    return None if None in firsts else max(first for first in firsts if first is not None)


def _first_s(successes: _Successes, back_s: float) -> float | None:
    begins, ends = successes
    place = bisect_left(begins, back_s)
    return ends[place] - back_s if place < len(ends) else None

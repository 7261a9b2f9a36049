"""How long clients got no answer to reads, and to writes, on account of each fault."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from faults.history import History, Operation
from faults.recovery import is_success
from faults.rules import Violation

_ROW = "{:<36} {:>5} {:>10} {:>11} {:>8} {:>10}"


@dataclass(frozen=True, slots=True)
class Outage:
    """What clients saw from the beginning of one round of faults to the beginning of the next.

    `reads_s` and `writes_s` are the longest times between two successes at the gateway where they were longest; where
    gateways were hit themselves, at all of them together, since clients then go to the other.
    """

    kind: str
    reads_s: float
    writes_s: float
    errors: int
    violations: int


def outages(history: History, violations: Sequence[Violation]) -> list[Outage]:
    """One for each round, in order."""
    spans = list(_spans(history))
    return [_outage(history, violations, span) for span in spans]


@dataclass(frozen=True, slots=True)
class _Span:
    kind: str
    began_s: float
    ended_s: float
    of_gateways: bool

    def has(self, at_s: float) -> bool:
        return self.began_s <= at_s < self.ended_s


def _spans(history: History) -> Iterator[_Span]:
    ordered = sorted(history.injuries, key=lambda injury: injury.round)
    together = [list(injuries) for _, injuries in groupby(ordered, key=lambda injury: injury.round)]
    begins = [min(injury.began_s for injury in injuries) for injuries in together]
    ends = [*begins[1:], max((one.ended_s for one in history.operations), default=0.0)]
    for injuries, began_s, ended_s in zip(together, begins, ends, strict=True):
        kind = " + ".join(injury.name for injury in injuries)
        of_gateways = any(injury.part == "gateway" or injury.kind == "start without majority" for injury in injuries)
        yield _Span(kind, began_s, ended_s, of_gateways)


def _outage(history: History, violations: Sequence[Violation], span: _Span) -> Outage:
    inside = [one for one in history.operations if one.ended_s >= span.began_s and one.began_s < span.ended_s]
    return Outage(
        kind=span.kind,
        reads_s=_longest_s(inside, span, lambda one: not one.is_write),
        writes_s=_longest_s(inside, span, lambda one: one.is_write),
        errors=sum(not one.is_answered and span.has(one.began_s) for one in inside),
        violations=sum(span.has(one.at_s) for one in violations),
    )


def _longest_s(inside: Sequence[Operation], span: _Span, fits: Callable[[Operation], bool]) -> float:
    found = [one for one in inside if fits(one) and is_success(one)]
    gateways = [{one.gateway for one in inside}] if span.of_gateways else [{gateway} for gateway in _gateways(inside)]
    return max((_gap_s([one for one in found if one.gateway in some], span) for some in gateways), default=0.0)


def _gateways(operations: Sequence[Operation]) -> set[int]:
    return {one.gateway for one in operations}


def _gap_s(successes: Sequence[Operation], span: _Span) -> float:
    """The longest time without the end of a success."""
    ends = sorted(one.ended_s for one in successes if span.has(one.ended_s))
    return max(after - before for before, after in pairwise([span.began_s, *ends, span.ended_s]))


def outage_table(history: History, violations: Sequence[Violation]) -> Iterator[str]:
    """A line for each fault: how often, the longest outages, and how many requests failed in all."""
    yield _ROW.format("fault", "times", "reads out", "writes out", "errors", "violations")
    found = sorted(outages(history, violations), key=lambda one: one.kind)
    for kind, alike in groupby(found, key=lambda one: one.kind):
        all_of_kind = list(alike)
        yield _ROW.format(
            kind,
            len(all_of_kind),
            f"{max(one.reads_s for one in all_of_kind):.1f} s",
            f"{max(one.writes_s for one in all_of_kind):.1f} s",
            sum(one.errors for one in all_of_kind),
            sum(one.violations for one in all_of_kind),
        )

"""The figures of a history, as text and as data."""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from faults.history import History, Operation
from faults.library import calls, failed_calls
from faults.recovery import LIMIT_S, Recovery, recoveries
from faults.rules import Rule, Violation

_SHOWN_VIOLATIONS = 20
_ROW = "{:<44} {:>6} {:>13} {:>13} {:>9}"


def show(line: str) -> None:
    """One line of progress or result, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def progress_line(history: History, elapsed_s: float, seconds: float, rate: float) -> str:
    """Progress, and figures so far."""
    counts = outcomes(history.operations)
    return (
        f"[{min(elapsed_s / seconds, 1):4.0%}] {elapsed_s:4.0f} s, {len(history.injuries)} faults,"
        f" {rate:,.0f} requests/s, {counts['refused']:,} refused, {counts['unknown']:,} unknown"
    )


def round_line(history: History, number: int) -> str:
    """The faults of one round, and how long reads and writes took to pass again."""
    injuries = [injury for injury in history.injuries if injury.round == number]
    began_s = min(injury.began_s for injury in injuries)
    part = History(history.campaign, _since(history.operations, began_s), injuries)
    (recovery,) = recoveries(part)
    lasted_s = recovery.back_s - began_s
    return (
        f"       {recovery.kind}: back after {lasted_s:.1f} s, then reads in {_seconds(recovery.read_s)},"
        f" writes in {_seconds(recovery.write_s)}"
    )


def _since(operations: Sequence[Operation], began_s: float) -> list[Operation]:
    """The latest operations, read from the end: a history is long."""
    found = []
    for operation in reversed(operations):
        if operation.ended_s < began_s:
            break
        found.append(operation)
    return found


def outcomes(operations: Sequence[Operation]) -> Counter[str]:
    """How many were acknowledged, refused, unknown and replayed, by `writes` and `reads` and together."""
    counts: Counter[str] = Counter()
    for operation in operations:
        outcome = "refused" if operation.is_refused else "unknown" if operation.is_unknown else "acknowledged"
        counts[outcome] += 1
        counts[f"{'writes' if operation.is_write else 'reads'} {outcome}"] += 1
        counts["replayed"] += operation.replayed
    return counts


def figures(history: History, violations: Sequence[Violation]) -> dict[str, Any]:
    """All figures of the campaign."""
    return {
        "seed": history.campaign.seed,
        "seconds": history.campaign.seconds,
        "clients": history.campaign.clients,
        "operations": dict(outcomes(history.operations)),
        "retries": sum(operation.effect != operation.number for operation in history.operations),
        "library": {"calls": len(calls(history)), "failed": len(failed_calls(history))},
        "streams": streams(history, violations),
        "faults": dict(Counter(injury.name for injury in history.injuries)),
        "recoveries": [asdict(recovery) | {"is_in_time": recovery.is_in_time} for recovery in recoveries(history)],
        "violations": dict(Counter(str(violation.rule) for violation in violations)),
    }


def streams(history: History, violations: Sequence[Violation]) -> dict[str, int]:
    """How often streams were opened, how many of these resumed one, and what they told."""
    kinds = Counter(event.kind for event in history.streamed)
    return {
        "opened": kinds["opened"],
        "resumed": sum(event.since is not None for event in history.streamed),
        "refused": kinds["refused"],
        "events": kinds["changes"],
        "resets": kinds["reset"],
        "differences": sum(violation.rule is Rule.STREAM for violation in violations),
    }


def table(history: History, violations: Sequence[Violation]) -> Iterator[str]:
    """The summary at the end."""
    yield _ROW.format("fault (two at once: both named)", "times", "reads median", "writes median", "max")
    by_kind: defaultdict[str, list[Recovery]] = defaultdict(list)
    for recovery in recoveries(history):
        by_kind[recovery.kind].append(recovery)
    for kind, found in sorted(by_kind.items()):
        reads, writes = _times([one.read_s for one in found]), _times([one.write_s for one in found])
        worst = max(one.took_s for one in found)
        yield _ROW.format(kind, len(found), _seconds(median(reads)), _seconds(median(writes)), _seconds(worst))
    counts = outcomes(history.operations)
    kinds = Counter(injury.kind for injury in history.made)
    yield f"faults: {len(history.made)} ({', '.join(f'{kind} {count}' for kind, count in sorted(kinds.items()))})"
    for injury in history.injuries:
        if injury.skipped is not None:
            yield f"  {injury.name}: {injury.skipped}"
    for what in ("writes", "reads"):
        yield f"{what}: " + ", ".join(
            f"{counts[f'{what} {how}']:,} {how}" for how in ("acknowledged", "refused", "unknown")
        )
    retries = sum(operation.effect != operation.number for operation in history.operations)
    yield f"sent again under the same key: {retries:,}, of these answered as before: {counts['replayed']:,}"
    failed = failed_calls(history)
    yield f"calls of the Python client: {len(calls(history)):,}, of these failed: {len(failed):,}"
    for call in failed[:_SHOWN_VIOLATIONS]:
        yield f"  {call.request.verb} at client {call.client}, operation {call.number}: {call.status or call.failure}"
    told = streams(history, violations)
    yield "event streams: " + ", ".join(f"{what} {count:,}" for what, count in told.items())
    yield f"violations: {len(violations)}"
    for violation in violations[:_SHOWN_VIOLATIONS]:
        yield f"  {violation.rule} at client {violation.client}, operation {violation.number}: {violation.detail}"


def slow_line(history: History) -> str:
    """Whether every part came back, and every recovery was in time."""
    away = [injury.name for injury in history.injuries if not injury.is_back]
    if away:
        return f"NOT BACK: {', '.join(away)}"
    slow = [recovery for recovery in recoveries(history) if not recovery.is_in_time]
    if not slow:
        return f"recovery: always within {LIMIT_S:.0f} s of the part's return"
    worst = max(slow, key=lambda recovery: recovery.took_s)
    return (
        f"RECOVERY TOO SLOW: {len(slow)} times more than {LIMIT_S:.0f} s,"
        f" at worst {_seconds(worst.took_s)} after {worst.kind} (round {worst.round})"
    )


def _times(values: Sequence[float | None]) -> list[float]:
    return [float("inf") if value is None else value for value in values]


def _seconds(value: float | None) -> str:
    return "never" if value is None or value == float("inf") else f"{value:.2f} s"

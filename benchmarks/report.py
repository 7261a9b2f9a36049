"""The figures as tables for people, and as JSON."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.goals import Verdict
from benchmarks.measuring import Run, Spread, cpu_per_request, summary
from benchmarks.scenarios import Scenario

QUIET_CORES = 0.1
COLUMNS = "{:<44} {:<9} {:>24} {:>8} {:>8} {:>8}"


def show(line: str) -> None:
    """One line of progress or result, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def show_blocks(blocks: Iterable[Iterable[str]]) -> None:
    """Blocks of lines, with an empty line before each."""
    for block in blocks:
        show("")
        for text in block:
            show(text)


@dataclass(frozen=True)
class Measured:
    """A scenario, the runs of every system in it, and their ratios."""

    scenario: Scenario
    runs: Mapping[str, Sequence[Run]]
    verdicts: Sequence[Verdict] = ()


def tables(measured: Sequence[Measured], facts: Mapping[str, Any]) -> Iterator[Iterable[str]]:
    """The machine, and all results."""
    yield measured_on(facts)
    yield [noise(measured)]
    yield load_table(measured)
    yield goal_table(measured)
    yield cpu_table(measured)


def measured_on(facts: Mapping[str, Any]) -> Iterator[str]:
    """The machine, and the versions of servers and packages; `facts` are what `machine.describe` found."""
    yield f"machine: {'; '.join(facts['machine'].values())}"
    yield f"versions: {words_of(facts['versions'])}"
    for name, versions in facts.get("peers", {}).items():
        yield f"{name}: {words_of(versions)}"


def load_table(measured: Sequence[Measured]) -> Iterator[str]:
    """Requests/s and latencies: medians of the rounds; of the rates also minimum and maximum."""
    yield COLUMNS.format("work", "system", "requests/s (min..max)", "mean ms", "p50 ms", "p99 ms")
    for one in measured:
        for name, runs in one.runs.items():
            figures = summary(runs)
            rate = figures["requests_per_s"]
            rates = f"{rate.median:,.0f} ({rate.least:,.0f}..{rate.greatest:,.0f})"
            latencies = (f"{figures[key].median:.1f}" for key in ("mean_ms", "median_ms", "p99_ms"))
            yield COLUMNS.format(one.scenario.title, name, rates, *latencies)


def goal_table(measured: Sequence[Measured]) -> Iterator[str]:
    """The ratios, medians of the rounds, beside their goals."""
    row = "{:<44} {:<27} {:>20} {:>8}  {}"
    yield row.format("work", "what", "ratio (min..max)", "goal", "")
    for one in measured:
        for verdict in one.verdicts:
            goal, word = _goal(verdict)
            yield row.format(one.scenario.title, verdict.what, _spread(verdict.value), goal, word)


def cpu_table(measured: Sequence[Measured]) -> Iterator[str]:
    """CPU milliseconds per request of every process with its children, and its utilisation: 100 % is one core."""
    yield "CPU milliseconds per request, of each process with all its children (and the share of a core that this took)"
    for one in measured:
        for name, runs in one.runs.items():
            shares, rate = cpu_per_request(runs), summary(runs)["requests_per_s"].median
            parts = (f"{process} {ms:.3f} ({ms * rate / 1000:.0%})" for process, ms in shares.items())
            total = sum(shares.values())
            yield f"{one.scenario.title:<44} {name:<9} {total:6.3f} ({total * rate / 1000:.0%}) = {', '.join(parts)}"


def noise(measured: Sequence[Measured]) -> str:
    """The load of other programs on the machine: with much of it, the figures mean little."""
    cores = Spread.of([run.foreign_cores for one in measured for runs in one.runs.values() for run in runs])
    verdict = "a quiet machine" if cores.median < QUIET_CORES else "NOT A QUIET MACHINE: do not trust the figures far"
    return f"everything else on the machine kept {_spread(cores)} cores busy meanwhile: {verdict}"


def as_json(measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """Everything, round by round."""
    return [
        {
            "work": one.scenario.name,
            "connections": one.scenario.connections,
            "systems": {name: runs_as_json(runs) for name, runs in one.runs.items()},
            "ratios": [{**asdict(verdict), "reached": verdict.reached} for verdict in one.verdicts],
        }
        for one in measured
    ]


def runs_as_json(runs: Sequence[Run]) -> dict[str, Any]:
    """One system in one scenario."""
    return {
        **{name: asdict(spread) for name, spread in summary(runs).items()},
        "cpu_ms_per_request": cpu_per_request(runs),
        "rounds": [asdict(run) for run in runs],
    }


def words_of(versions: Mapping[str, str]) -> str:
    """Each part with its version."""
    return ", ".join(f"{part} {number}" for part, number in versions.items())


def _goal(verdict: Verdict) -> tuple[str, str]:
    if verdict.at_least is not None:
        return f">= {verdict.at_least:g}", "reached" if verdict.reached else "NOT REACHED"
    if verdict.at_most is not None:
        return f"<= {verdict.at_most:g}", "reached" if verdict.reached else "NOT REACHED"
    return "", ""


def _spread(spread: Spread) -> str:
    return f"{spread.median:.2f} ({spread.least:.2f}..{spread.greatest:.2f})"

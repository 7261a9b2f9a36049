"""The picture of `make bench`: for each kind of work, requests per second as multiples of the monolith's."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.measuring import ratio, summary
from benchmarks.report import Measured, words_of
from benchmarks.scenarios import connections
from benchmarks.svg import COLOURS, NAMES, card, legend, line, rectangle, text

WIDTH, LEFT, RIGHT, TOP = 900, 244, 170, 84
BAR, GAP = 15, 20
BASE = "monolith"


def bars(measured: Sequence[Measured], facts: Mapping[str, Any]) -> str:
    """One group of bars for each scenario."""
    longest = max(multiple for one in measured for multiple in _multiples(one).values())
    elements, y = [legend(28, 64, measured[0].runs)], float(TOP)
    for one in measured:
        elements += _group(one, y, scale=(WIDTH - LEFT - RIGHT) / longest)
        y += BAR * len(one.runs) + GAP
    elements.append(line(LEFT, TOP - 6, LEFT, y - GAP + 4))
    notes = _notes(facts)
    elements += [text(28, y + 8 + 15 * number, words, "note") for number, words in enumerate(notes)]
    return card(WIDTH, round(y + 14 + 15 * len(notes)), "Requests per second, as multiples of the monolith's", elements)


def _group(one: Measured, y: float, *, scale: float) -> Iterator[str]:
    yield text(28, y + 1.5 * BAR, one.scenario.name, "name")
    yield text(28, y + 1.5 * BAR + 16, connections(one.scenario), "note")
    for name, multiple in _multiples(one).items():
        rate = f"{summary(one.runs[name])['requests_per_s'].median:,.0f}/s"
        yield rectangle(LEFT, y, multiple * scale, BAR - 2, COLOURS[name])
        label = rate if name == BASE else f"{rate}, {multiple:.1f} times"
        yield text(LEFT + multiple * scale + 6, y + BAR - 4, label, "label")
        y += BAR


def _multiples(one: Measured) -> dict[str, float]:
    base = one.runs[BASE]
    return {name: ratio(runs, base, lambda load: load.requests_per_s).median for name, runs in one.runs.items()}


def _notes(facts: Mapping[str, Any]) -> list[str]:
    machine, plan = facts["machine"], facts["plan"]
    measured_on = (
        f"Medians of {plan['rounds']} rounds of {plan['seconds']} s on {machine['cores']} cores"
        f" ({machine['processor']}), load generator and servers included."
    )
    peers = facts["peers"].items()
    return [measured_on, *(f"{NAMES[name]}: {words_of(versions)}." for name, versions in peers)]

"""The product as multiples of its opponents, and whether that reaches the goals of a scenario."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.measuring import Run, Spread, ratio
from benchmarks.scenarios import Scenario


@dataclass(frozen=True)
class Verdict:
    """One ratio: its name, its goal (a minimum, a maximum or none), and its value."""

    what: str
    value: Spread
    at_least: float | None = None
    at_most: float | None = None

    @property
    def reached(self) -> bool:
        """Whether the median of the rounds reaches the goal; True without a goal."""
        enough = self.at_least is None or self.value.median >= self.at_least
        return enough and (self.at_most is None or self.value.median <= self.at_most)


def judge(scenario: Scenario, runs: Mapping[str, Sequence[Run]]) -> list[Verdict]:
    """Every ratio of the scenario to an opponent that was measured."""
    ours, goals = runs["product"], scenario.goals
    verdicts = [
        Verdict(f"requests/s / {name}", ratio(ours, runs[name], lambda load: load.requests_per_s), at_least=wanted)
        for name, wanted in goals.rate.items()
        if name in runs
    ]
    if goals.p99_per_median is not None:
        tail = Spread.of([run.load.p99_ms / run.load.median_ms for run in ours])
        verdicts.append(Verdict("p99 / median", tail, at_most=goals.p99_per_median))
    return verdicts

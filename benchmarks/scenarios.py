"""The scenarios and their goals, as data."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from benchmarks.dataset import LARGE, SMALL, changed_lists, gets_of_lists, gets_of_tasks, mixed, posts


@dataclass(frozen=True)
class Goals:
    """Requests/s as multiples of each opponent's, at least. None is shown, not judged."""

    rate: Mapping[str, float | None] = field(default_factory=dict)
    p99_per_median: float | None = None


@dataclass(frozen=True)
class Scenario:
    """One kind of work, done by so many connections at once."""

    name: str
    connections: int
    requests: Callable[[], Iterator[str]]
    goals: Goals

    @property
    def title(self) -> str:
        """As the table shows it."""
        return f"{self.name}, {connections(self)}"


def connections(scenario: Scenario) -> str:
    """Their number in words."""
    return f"{scenario.connections} connection{'s' if scenario.connections > 1 else ''}"


OPPONENTS = ("monolith", "tuned")
PEERS = ("node", "go")
"""The opponents that are not Python, measured where they can run (benchmarks/peers.py)."""


def _rate(monolith: float | None, tuned: float | None, go: float | None, p99_per_median: float | None = None) -> Goals:
    rate = {"monolith": monolith, "tuned": tuned, "node": None, "go": go}
    return Goals(rate=rate, p99_per_median=p99_per_median)


SCENARIOS = (
    Scenario("GET one task", 32, lambda: gets_of_tasks(SMALL), _rate(10, 0.8, 0.75)),
    Scenario("GET one task", 128, lambda: gets_of_tasks(SMALL), _rate(None, None, 0.95)),
    Scenario("GET list of 20", 32, lambda: gets_of_lists(SMALL), _rate(6, 0.8, 0.6)),
    Scenario("GET list of 1,000", 32, lambda: gets_of_lists(LARGE), _rate(15, 0.95, 2.0)),
    Scenario("PUT, then GET list of 1,000", 32, lambda: changed_lists(LARGE), _rate(7, None, 0.7)),
    Scenario("POST", 32, posts, _rate(6, 0.8, 0.7)),
    Scenario("POST", 128, posts, _rate(9, 1.2, 1.15, p99_per_median=3.0)),
    Scenario("80 % reads, 20 % writes", 64, mixed, _rate(6, 0.8, 0.75)),
    Scenario("POST", 1, posts, _rate(0.8, None, 0.2)),
    Scenario("GET one task", 1, lambda: gets_of_tasks(SMALL), _rate(2.0, None, 0.35)),
)

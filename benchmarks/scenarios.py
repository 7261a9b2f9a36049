"""The scenarios and their goals, as data."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from benchmarks.dataset import LARGE, SMALL, gets_of_lists, gets_of_tasks, mixed, posts


@dataclass(frozen=True)
class Goals:
    """Requests/s as multiples of each opponent's, at least; mean latencies, at most. None is shown, not judged."""

    rate: Mapping[str, float | None] = field(default_factory=dict)
    latency: Mapping[str, float | None] = field(default_factory=dict)
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
        return f"{self.name}, {self.connections} connection{'s' if self.connections > 1 else ''}"


OPPONENTS = ("monolith", "tuned")


def _rate(monolith: float, tuned: float, p99_per_median: float | None = None) -> Goals:
    return Goals(rate={"monolith": monolith, "tuned": tuned}, p99_per_median=p99_per_median)


SCENARIOS = (
    Scenario("GET one task", 32, lambda: gets_of_tasks(SMALL), _rate(3.0, 0.8)),
    Scenario("GET list of 20", 32, lambda: gets_of_lists(SMALL), _rate(2.5, 0.8)),
    Scenario("GET list of 1,000", 32, lambda: gets_of_lists(LARGE), _rate(6.0, 0.95)),
    Scenario("POST", 32, posts, _rate(3.5, 0.8)),
    Scenario("POST", 128, posts, _rate(5.0, 1.2, p99_per_median=3.0)),
    Scenario("80 % reads, 20 % writes", 64, mixed, _rate(3.0, 0.8)),
    Scenario("POST", 1, posts, Goals(latency={"monolith": 1.25, "tuned": None})),
)

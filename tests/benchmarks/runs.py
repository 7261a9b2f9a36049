"""Runs with chosen figures, as measurements would yield them."""

from collections.abc import Sequence

from benchmarks.load import Load
from benchmarks.measuring import Run


def run(rate: float, *, mean_ms: float = 10.0, p99_ms: float = 20.0, **cpu_ms: float) -> Run:
    load = Load(requests=100, requests_per_s=rate, mean_ms=mean_ms, median_ms=10.0, p99_ms=p99_ms)
    return Run(load, cpu_ms or {"postgres": 0.1}, foreign_cores=0.5)


def runs(*rates: float) -> Sequence[Run]:
    return [run(rate) for rate in rates]

"""Medians, spreads, and ratios round by round."""

import os

import pytest

from benchmarks.cpu import cpu_seconds, resident_mb
from benchmarks.measuring import Spread, cpu_per_request, ratio, summary
from tests.benchmarks.runs import run, runs


def test_a_spread_is_the_median_between_its_ends() -> None:
    assert Spread.of([5.0, 1.0, 3.0]) == Spread(median=3.0, least=1.0, greatest=5.0)


def test_a_ratio_compares_the_runs_of_one_round() -> None:
    ours, theirs = runs(100.0, 300.0, 50.0), runs(50.0, 100.0, 100.0)

    compared = ratio(ours, theirs, lambda load: load.requests_per_s)

    assert compared == Spread(median=2.0, least=0.5, greatest=3.0)


def test_a_ratio_needs_as_many_rounds_of_both() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio(runs(1.0, 2.0), runs(1.0), lambda load: load.requests_per_s)


def test_the_summary_holds_every_figure_but_the_count() -> None:
    figures = summary(runs(100.0, 200.0, 400.0))

    assert set(figures) == {"requests_per_s", "mean_ms", "median_ms", "p99_ms"}
    assert figures["requests_per_s"].median == 200.0


def test_cpu_time_is_the_median_of_each_process() -> None:
    rounds = [run(1.0, gateway=ms, load=ms * 2) for ms in (0.3, 0.1, 0.2)]

    assert cpu_per_request(rounds) == {"gateway": 0.2, "load": 0.4}


def test_cpu_time_of_this_process_grows_with_its_work() -> None:
    before = cpu_seconds({"me": os.getpid(), "nobody": None})
    until = os.times().user + 0.1
    while os.times().user < until:
        pass
    after = cpu_seconds({"me": os.getpid(), "nobody": None})

    assert after["me"] - before["me"] >= 0.05
    assert after["nobody"] == 0.0


def test_resident_memory_of_this_process_is_that_of_a_python_program() -> None:
    assert 10 < resident_mb(os.getpid()) < 10_000
    assert resident_mb(None) == 0.0

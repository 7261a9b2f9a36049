"""Goals are judged by the median of the rounds, and the report says which are reached."""

from benchmarks.goals import Verdict, judge
from benchmarks.measuring import Spread
from benchmarks.report import Measured, as_json, cpu_table, goal_table, load_table, noise
from benchmarks.results import round_floats
from benchmarks.scenarios import OPPONENTS, SCENARIOS, Goals, Scenario
from tests.benchmarks.runs import run, runs

AT_2 = Spread(median=2.0, least=1.0, greatest=9.0)
POST = Scenario("POST", 32, lambda: iter(()), Goals(rate={"monolith": 3.0, "tuned": 0.8}, p99_per_median=3.0))
RUNS = {"product": runs(100.0, 400.0), "monolith": runs(100.0, 100.0), "tuned": runs(200.0, 200.0)}
MEASURED = Measured(POST, RUNS, judge(POST, RUNS))


def test_a_ratio_on_its_goal_reaches_it() -> None:
    assert Verdict("", AT_2, at_least=2.0).reached
    assert Verdict("", AT_2, at_most=2.0).reached
    assert Verdict("", AT_2).reached
    assert not Verdict("", AT_2, at_least=2.1).reached
    assert not Verdict("", AT_2, at_most=1.9).reached


def test_every_goal_of_a_scenario_is_judged() -> None:
    verdicts = {verdict.what: verdict for verdict in MEASURED.verdicts}

    assert verdicts["requests/s / monolith"].value.median == 2.5
    assert not verdicts["requests/s / monolith"].reached
    assert verdicts["requests/s / tuned"].reached
    assert verdicts["p99 / median"].value.median == 2.0


def test_a_latency_has_a_goal_at_most_or_none() -> None:
    alone = Scenario("POST", 1, lambda: iter(()), Goals(latency={"monolith": 1.25, "tuned": None}))
    measured = {"product": [run(1.0, mean_ms=2.0)], "monolith": [run(1.0)], "tuned": [run(1.0, mean_ms=1.0)]}

    against_monolith, against_tuned = judge(alone, measured)

    assert (against_monolith.at_most, against_monolith.reached) == (1.25, True)
    assert (against_tuned.at_most, against_tuned.value.median) == (None, 2.0)


def test_every_scenario_is_judged_against_every_opponent() -> None:
    for scenario in SCENARIOS:
        assert set(scenario.goals.rate or scenario.goals.latency) == set(OPPONENTS)


def test_the_tables_name_what_is_reached_and_what_is_not() -> None:
    goals = list(goal_table([MEASURED]))

    assert [line.split()[-1] for line in goals[1:]] == ["REACHED", "reached", "reached"]
    assert sum("POST, 32 connections" in line for line in load_table([MEASURED])) == 3
    assert any("postgres 0.100" in line for line in cpu_table([MEASURED]))


def test_a_busy_machine_is_reported() -> None:
    assert "NOT A QUIET MACHINE" in noise([MEASURED])


def test_the_json_holds_every_round() -> None:
    (kept,) = round_floats(as_json([MEASURED]))

    assert [one["load"]["requests_per_s"] for one in kept["systems"]["product"]["rounds"]] == [100.0, 400.0]
    assert {one["what"]: one["reached"] for one in kept["ratios"]}["requests/s / tuned"]


def test_numbers_are_kept_with_four_digits() -> None:
    assert round_floats({"a": [1234.567, 0.00012345], "b": (1, "x", None)}) == {
        "a": [1235.0, 0.0001234],
        "b": [1, "x", None],
    }

"""Goals are judged by the median of the rounds, and the report says which are reached."""

from benchmarks.goals import Verdict, judge
from benchmarks.measuring import Spread
from benchmarks.report import Measured, as_json, cpu_table, goal_table, load_table, noise
from benchmarks.results import round_floats
from benchmarks.scenarios import OPPONENTS, PEERS, SCENARIOS, Goals, Scenario
from tests.benchmarks.runs import runs

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


def test_a_ratio_without_a_goal_is_shown_and_not_judged() -> None:
    shown = Scenario("POST", 1, lambda: iter(()), Goals(rate={"tuned": None}))

    (verdict,) = judge(shown, {"product": runs(1.0), "tuned": runs(4.0)})

    assert (verdict.value.median, verdict.at_least, verdict.reached) == (0.25, None, True)


def test_an_opponent_that_could_not_run_is_not_judged() -> None:
    wanted = Scenario("POST", 32, lambda: iter(()), Goals(rate={"monolith": 3.0, "go": 0.8}))

    verdicts = judge(wanted, {name: RUNS[name] for name in ("product", "monolith")})

    assert [verdict.what for verdict in verdicts] == ["requests/s / monolith"]


def test_every_scenario_is_compared_with_every_opponent() -> None:
    for scenario in SCENARIOS:
        assert tuple(scenario.goals.rate) == OPPONENTS + PEERS


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

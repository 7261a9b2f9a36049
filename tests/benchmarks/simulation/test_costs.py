"""Costs of batches and items are found in what was measured, and those in the repository can be read."""

import pytest

from benchmarks.simulation.costs import LANES, PARTS, Cost, fit, kept

COST = Cost(per_batch_s=0.8, per_item_s=0.1)


def test_a_fit_finds_the_costs_that_explain_all_points() -> None:
    points = [(items, COST.of(items) / items) for items in (1, 13, 47)]

    found = fit(points)

    assert found.per_batch_s == pytest.approx(COST.per_batch_s)
    assert found.per_item_s == pytest.approx(COST.per_item_s)


@pytest.mark.parametrize("points", [[(1, 0.1), (10, 0.2)], [(1, 0.0), (10, 0.0)]])
def test_no_cost_is_below_zero(points: list[tuple[float, float]]) -> None:
    found = fit(points)

    assert found.per_batch_s >= 0.0
    assert found.per_item_s >= 0.0


def test_a_slower_machine_multiplies_all_costs() -> None:
    costs = kept()

    twice = costs.times(2.0)

    assert twice.cpu["commands"]["gateway"].of(7) == pytest.approx(2 * costs.cpu["commands"]["gateway"].of(7))
    assert twice.load_s == pytest.approx(2 * costs.load_s)


def test_the_kept_costs_have_every_lane_and_part() -> None:
    costs = kept()

    assert {lane: set(parts) for lane, parts in costs.cpu.items()} == {lane: set(PARTS) for lane in LANES}
    for part in ("gateway", "task-writer", "rabbitmq", "postgres"):
        assert costs.cpu["commands"][part].per_batch_s > 0.0

"""Health follows from the results of the service's own traffic."""

import asyncio

import pytest
from common.observability import health
from common.observability.health import Component, Health

from tests.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Probe:
    """A check that counts its calls, and fails on demand."""

    def __init__(self) -> None:
        self.calls = 0
        self.error: Exception | None = None

    async def __call__(self) -> None:
        self.calls += 1
        if self.error is not None:
            raise self.error


async def test_a_part_that_was_never_used_is_unknown_and_counts_as_there() -> None:
    whole = Health("common", enough=all)
    whole.start(database=Component())

    assert await whole.look() == (True, {"database": "unknown"})


async def test_one_failure_among_successes_is_no_outage(clock: Clock) -> None:
    component = Component(clock=clock)

    component.worked()
    clock.now += health.DOWN_AFTER_S / 2
    component.failed()

    assert component.state == "up"


async def test_failures_without_any_success_are_an_outage_until_one_works(clock: Clock) -> None:
    component = Component(clock=clock)

    component.worked()
    clock.now += health.DOWN_AFTER_S * 2
    component.failed()
    state_before = component.state
    component.worked()

    assert (state_before, component.state) == ("down", "up")


async def test_what_is_lost_is_down_at_once(clock: Clock) -> None:
    component = Component(clock=clock)

    component.worked()
    component.lost()

    assert component.state == "down"


async def test_a_part_that_is_up_is_never_checked_however_long_nobody_used_it(clock: Clock) -> None:
    check = Probe()
    component = Component(check, clock=clock)
    component.worked()

    for _ in range(10):
        clock.now += 3600
        await component.look()

    assert check.calls == 0


async def test_a_part_that_is_down_is_checked_seldom(clock: Clock) -> None:
    check = Probe()
    check.error = ConnectionError()
    component = Component(check, clock=clock)

    for _ in range(100):
        await component.look()
        clock.now += health.CHECK_EVERY_S / 10

    assert component.state == "down"
    assert check.calls == pytest.approx(10, abs=1)


async def test_a_check_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CHECK_WITHIN_S", 0.01)
    component = Component(asyncio.Event().wait)

    assert await component.look() == "down"


@pytest.mark.parametrize(("enough", "ready"), [(any, True), (all, False)])
async def test_how_many_parts_are_enough_is_the_services_choice(enough: health.Enough, ready: bool) -> None:
    whole = Health("common", enough=enough)
    whole.start(task_reader=Component(), bus=Component())
    whole.components["task_reader"].worked()
    whole.components["bus"].lost()

    assert await whole.look() == (ready, {"task_reader": "up", "bus": "down"})


async def test_a_service_that_stops_is_not_ready() -> None:
    whole = Health("common", enough=any)
    whole.start(bus=Component())
    ready_before = (await whole.look())[0]

    whole.stop()

    assert (ready_before, (await whole.look())[0]) == (True, False)


async def test_a_service_that_has_not_started_is_not_ready() -> None:
    assert await Health("common", enough=all).look() == (False, {})

"""The outcomes of writes show the skew of PostgreSQL's clock."""

import time
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from common.contracts.outcomes import Outcome
from gateway.clock_skew import ClockSkew, certain_skew
from prometheus_client import REGISTRY

from tests.commands import create, plain, toggle


def shown() -> float | None:
    return REGISTRY.get_sample_value("taskwire_database_clock_skew_seconds")


def created(ahead_s: float) -> Outcome:
    """A task that was made now, by a clock that is ahead; its title tries to look like the time."""
    at = datetime.fromtimestamp(time.time() + ahead_s, UTC).isoformat()
    return Outcome(status="done", task=rf'{{"title":"\"created_at\": \"1970-01-01T00:00:00Z\"","created_at":"{at}"}}')


@pytest.mark.parametrize(("theirs", "skew"), [(99, -1), (100, 0), (101.5, 0), (103, 0), (107, 4)])
def test_only_what_the_way_does_not_explain_is_skew(theirs: float, skew: float) -> None:
    assert certain_skew(100, theirs, 103) == skew


@pytest.mark.parametrize("ahead_s", [-5, 5])
def test_a_creation_shows_the_skew(ahead_s: float) -> None:
    ClockSkew().observe([plain(create())], [created(ahead_s)], time.time() - 0.1)

    assert shown() == pytest.approx(ahead_s, abs=1)


def test_a_creation_that_lies_within_the_way_of_its_batch_shows_no_skew() -> None:
    ClockSkew().observe([plain(create())], [created(-0.5)], time.time() - 1)

    assert shown() == 0


def test_a_command_that_expires_before_its_deadline_shows_a_clock_ahead() -> None:
    ClockSkew().observe([plain(toggle(uuid4(), uuid4(), expires_in_s=8))], [Outcome(status="expired")], time.time())

    assert shown() == pytest.approx(8, abs=1)


def test_neither_an_old_task_nor_a_replayed_creation_shows_a_skew() -> None:
    ClockSkew().observe([plain(create())], [created(0)], time.time() - 1)
    old = created(-3600)

    ClockSkew().observe([plain(toggle(uuid4(), uuid4()))], [old], time.time())
    ClockSkew().observe([plain(create())], [old.model_copy(update={"replayed": True})], time.time())

    assert shown() == 0


@pytest.mark.parametrize("task", ["{}", '{"created_at":"yesterday"}', '{"created_at":"0001-01-01T00:00:00+14:00"}', ""])
def test_a_task_that_says_nothing_of_its_time_is_no_error(task: str) -> None:
    ClockSkew().observe([plain(create())], [created(0)], time.time() - 1)

    ClockSkew().observe([plain(create())], [Outcome(status="done", task=task)], time.time())

    assert shown() is not None

"""Lag is what is certain from looks at a server: WAL that waits, commits that came late, a connection that is away."""

import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from common.observability.health import Component
from common.postgres.database import DatabaseUnavailable
from task_reader.replication import FORGET_AFTER_S, PRIMARY, Look, Replication

MAX_LAG_S = 5.0
BEGAN = 1_795_000_000.0  # by the server's clock
CAUGHT_UP = Look(
    server="10.0.0.1:5432",
    is_replica=True,
    is_connected=True,
    received=100,
    replayed=100,
    committed_at=BEGAN - 3600,
    now=BEGAN,
)


class Watched:
    """A task-reader's replication, and the time, which the test moves."""

    def __init__(self) -> None:
        self.at_s = 1000.0
        self.components: dict[str, Component] = {}
        self.replication = Replication(MAX_LAG_S, self.components, clock=lambda: self.at_s)

    def look(self, after_s: float, **seen: Any) -> float:
        """The lag after a look at a server that is caught up but for what was `seen`."""
        self.at_s += after_s
        self.replication.add(replace(CAUGHT_UP, **{"now": BEGAN + self.at_s - 1000.0, **seen}))
        return self.replication.lag_s


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_before_the_first_look_it_is_unknown_and_nothing_is_refused(watched: Watched) -> None:
    assert math.isnan(watched.replication.lag_s)
    assert (watched.replication.is_late, watched.replication.component.state) == (False, "unknown")


def test_a_primary_has_no_lag(watched: Watched) -> None:
    watched.replication.add(PRIMARY)

    assert (watched.replication.lag_s, watched.replication.component.state) == (0.0, "up")
    assert watched.components == {}


def test_a_replica_makes_it_a_component(watched: Watched) -> None:
    watched.look(0)

    assert watched.components == {"replication": watched.replication.component}


def test_an_idle_primary_is_no_lag_however_long_it_is_idle(watched: Watched) -> None:
    assert [watched.look(1) for _ in range(100)] == [0.0] * 100


def test_a_busy_replica_that_replays_at_once_has_no_lag(watched: Watched) -> None:
    lags = [
        watched.look(1, received=100 * n + 9, replayed=100 * n, committed_at=BEGAN + n - 0.01) for n in range(1, 50)
    ]

    assert max(lags) == 0.0


def test_wal_that_waits_is_as_old_as_the_look_that_saw_it_first(watched: Watched) -> None:
    watched.look(1)

    lags = [watched.look(1, received=200 + n) for n in range(8)]

    assert lags == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]


def test_a_commit_that_is_replayed_late_was_behind_at_the_look_before(watched: Watched) -> None:
    watched.look(1)

    lags = [watched.look(1, committed_at=BEGAN + n - 20.0) for n in range(5)]

    assert lags == [21.0 + 0.0] + [21.0] * 4


def test_a_replica_that_is_cut_off_lags_from_the_last_look_at_its_connection(watched: Watched) -> None:
    watched.look(1)

    lags = [watched.look(2, is_connected=False) for _ in range(3)]

    assert lags == [2.0, 4.0, 6.0]
    assert watched.look(1) == 0.0


@pytest.mark.parametrize(("committed_at", "lag_s"), [(BEGAN - 7.0, 7.0), (BEGAN + 7.0, 0.0), (None, math.inf)])
def test_one_that_was_cut_off_before_the_first_look_is_as_old_as_its_last_commit(
    watched: Watched, committed_at: float | None, lag_s: float
) -> None:
    assert watched.look(0, is_connected=False, received=None, committed_at=committed_at) == lag_s


def test_over_the_limit_reads_are_refused_and_the_reason_is_told(watched: Watched) -> None:
    watched.look(1)
    at_the_limit = [watched.look(MAX_LAG_S, is_connected=False), watched.replication.is_late]

    watched.look(1, is_connected=False)

    component = watched.replication.component
    assert at_the_limit == [MAX_LAG_S, False]
    assert (watched.replication.is_late, component.state) == (True, "down")
    assert component.reason == "the replica is 6.0 s behind, more than 5 s"

    watched.look(1)

    assert (watched.replication.is_late, watched.replication.component.state) == (False, "up")
    assert watched.replication.component.reason is None


def test_of_several_servers_behind_one_address_the_farthest_behind_counts_while_it_is_seen(watched: Watched) -> None:
    late = {"server": "10.0.0.2:5432", "is_connected": False, "committed_at": BEGAN - 50.0}

    lags = [watched.look(1), watched.look(1, **late), watched.look(1)]
    forgotten = watched.look(FORGET_AFTER_S)

    assert lags == [0.0, 52.0, 52.0]
    assert forgotten == 0.0


def test_a_replica_that_was_promoted_has_no_lag(watched: Watched) -> None:
    watched.look(1)
    late = watched.look(9, is_connected=False)

    promoted = watched.look(1, is_replica=False, is_connected=False)

    assert (late, promoted, watched.replication.is_late) == (9.0, 0.0, False)


def answering(seen: list[Look | Exception]) -> Callable[[bool], Awaitable[Look]]:
    """Looks that see these, one after the other."""

    async def look(_: bool) -> Look:
        one = seen.pop(0)
        if isinstance(one, Exception):
            raise one
        return one

    return look


async def test_a_replica_is_looked_at_every_second_and_so_is_a_database_that_does_not_answer(watched: Watched) -> None:
    away, up = DatabaseUnavailable(maybe_done=False), Component()
    look = answering([away, CAUGHT_UP, away, CAUGHT_UP])
    up.worked()

    assert [await watched.replication.look_if_due(look, up) for _ in range(4)] == [1.0] * 4


async def test_a_primary_is_looked_at_again_only_after_reads(watched: Watched) -> None:
    seen: list[Look | Exception] = [PRIMARY, PRIMARY]
    look, up, left = answering(seen), Component(), list[int]()
    up.worked()

    for is_read in (False, False, True):
        watched.replication.was_used |= is_read
        assert await watched.replication.look_if_due(look, up) == 30.0
        left.append(len(seen))

    assert left == [1, 1, 0]


async def test_a_database_that_was_never_up_is_not_looked_at_and_a_replica_that_is_down_is(watched: Watched) -> None:
    seen: list[Look | Exception] = [CAUGHT_UP]
    look, down = answering(seen), Component()
    down.lost()

    early = (await watched.replication.look_if_due(look, down), len(seen))
    watched.look(1)
    later = (await watched.replication.look_if_due(look, down), len(seen))

    assert (early, later) == ((1.0, 1), (1.0, 0))

"""Waiting for a batch is limited in number and time, and users take turns."""

import asyncio
from uuid import UUID, uuid4

import pytest
from gateway.waiting import LONGEST_PAUSE_S, REFUSALS_PER_S, FairQueue, Full, RejectionPacer

from tests.waiting import turns

ANNA, BERT, CARL = uuid4(), uuid4(), uuid4()


class Clock:
    """Stands still until the test moves it."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> FairQueue[str]:
    return FairQueue(capacity=8, longest_wait_s=1.0, clock=clock)


def fill(queue: FairQueue[str], *items: tuple[UUID, str]) -> None:
    for user_id, item in items:
        queue.add(user_id, item)


def test_what_came_first_leaves_first(queue: FairQueue[str]) -> None:
    fill(queue, (ANNA, "a1"), (BERT, "b1"), (CARL, "c1"))

    assert queue.take(2) == ["a1", "b1"]
    assert queue.take(2) == ["c1"]
    assert queue.take(2) == []


def test_users_take_turns_however_many_items_one_of_them_has(clock: Clock) -> None:
    queue: FairQueue[str] = FairQueue(capacity=100, longest_wait_s=1.0, clock=clock)
    fill(queue, *((ANNA, f"a{number}") for number in range(20)), (BERT, "b0"), (CARL, "c0"), (BERT, "b1"))

    assert queue.take(6) == ["a0", "b0", "c0", "a1", "b1", "a2"]
    assert queue.take(100) == [f"a{number}" for number in range(3, 20)]


def test_a_user_who_comes_back_is_behind_those_who_wait(queue: FairQueue[str]) -> None:
    fill(queue, (ANNA, "a1"), (BERT, "b1"))
    queue.take(1)
    queue.add(ANNA, "a2")

    assert queue.take(2) == ["b1", "a2"]


def test_it_counts_what_waits(queue: FairQueue[str]) -> None:
    fill(queue, (ANNA, "a1"), (ANNA, "a2"), (BERT, "b1"))
    queue.take(2)

    assert len(queue) == 1


def test_one_user_gets_a_quarter_of_the_places(queue: FairQueue[str]) -> None:
    fill(queue, (ANNA, "a1"), (ANNA, "a2"))

    with pytest.raises(Full):
        queue.add(ANNA, "a3")
    queue.add(BERT, "b1")

    assert len(queue) == 3


def test_when_all_places_are_taken_nobody_is_let_in(queue: FairQueue[str]) -> None:
    fill(queue, *((uuid4(), "x") for _ in range(8)))

    with pytest.raises(Full):
        queue.add(ANNA, "a1")
    queue.take(1)
    queue.add(ANNA, "a1")

    assert len(queue) == 8


def test_while_the_next_one_waits_too_long_nobody_is_let_in(queue: FairQueue[str], clock: Clock) -> None:
    fill(queue, (ANNA, "a1"), (BERT, "b1"))
    clock.now_s += 1.1

    with pytest.raises(Full):
        queue.add(CARL, "c1")
    queue.take(2)
    queue.add(CARL, "c1")

    assert queue.take(9) == ["c1"]


def test_a_user_whose_own_queue_is_too_slow_is_refused_and_others_are_not(clock: Clock) -> None:
    queue: FairQueue[str] = FairQueue(capacity=100, longest_wait_s=1.0, clock=clock)
    fill(queue, *((ANNA, f"a{number}") for number in range(20)))
    for _ in range(4):
        clock.now_s += 0.4
        queue.take(1)

    with pytest.raises(Full):
        queue.add(ANNA, "late")
    queue.add(BERT, "b1")

    assert queue.take(2) == ["a4", "b1"]


async def seconds_for(count: int) -> float:
    """How long so many refusals at one moment take."""
    pacer, clock = RejectionPacer(), asyncio.get_running_loop().time
    began = clock()
    await asyncio.gather(*(pacer.wait() for _ in range(count)))
    return clock() - began


async def test_a_few_refusals_go_at_once_and_many_at_a_bounded_rate() -> None:
    alone = asyncio.create_task(RejectionPacer().wait())
    await turns()

    assert alone.done()
    assert await seconds_for(2 * REFUSALS_PER_S // 10) >= 0.19


async def test_no_refusal_is_held_for_longer_than_a_second() -> None:
    assert await seconds_for(4 * REFUSALS_PER_S) < LONGEST_PAUSE_S + 2.0  # and not 4 s

"""Who waits for a batch: bounded in places and time, and users take turns."""

import asyncio
from uuid import UUID, uuid4

import pytest
from gateway.waiting import LONGEST_PAUSE_S, REFUSALS_PER_S, Full, RejectionPacer, WaitingRoom

ANNA, BERT, CARL = uuid4(), uuid4(), uuid4()


class Clock:
    """Stands still until it is told to move."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def room(clock: Clock) -> WaitingRoom[str]:
    return WaitingRoom(places=8, longest_wait_s=1.0, clock=clock)


def fill(room: WaitingRoom[str], *items: tuple[UUID, str]) -> None:
    for user_id, item in items:
        room.add(user_id, item)


def test_what_came_first_leaves_first(room: WaitingRoom[str]) -> None:
    fill(room, (ANNA, "a1"), (BERT, "b1"), (CARL, "c1"))

    assert room.take(2) == ["a1", "b1"]
    assert room.take(2) == ["c1"]
    assert room.take(2) == []


def test_users_take_turns_however_many_items_one_of_them_has(clock: Clock) -> None:
    room: WaitingRoom[str] = WaitingRoom(places=100, longest_wait_s=1.0, clock=clock)
    fill(room, *((ANNA, f"a{number}") for number in range(20)), (BERT, "b0"), (CARL, "c0"), (BERT, "b1"))

    assert room.take(6) == ["a0", "b0", "c0", "a1", "b1", "a2"]
    assert room.take(100) == [f"a{number}" for number in range(3, 20)]


def test_a_user_who_comes_back_is_behind_those_who_wait(room: WaitingRoom[str]) -> None:
    fill(room, (ANNA, "a1"), (BERT, "b1"))
    room.take(1)
    room.add(ANNA, "a2")

    assert room.take(2) == ["b1", "a2"]


def test_it_counts_what_waits(room: WaitingRoom[str]) -> None:
    fill(room, (ANNA, "a1"), (ANNA, "a2"), (BERT, "b1"))
    room.take(2)

    assert len(room) == 1


def test_one_user_gets_a_quarter_of_the_places(room: WaitingRoom[str]) -> None:
    fill(room, (ANNA, "a1"), (ANNA, "a2"))

    with pytest.raises(Full):
        room.add(ANNA, "a3")
    room.add(BERT, "b1")

    assert len(room) == 3


def test_when_all_places_are_taken_nobody_is_let_in(room: WaitingRoom[str]) -> None:
    fill(room, *((uuid4(), "x") for _ in range(8)))

    with pytest.raises(Full):
        room.add(ANNA, "a1")
    room.take(1)
    room.add(ANNA, "a1")

    assert len(room) == 8


def test_while_the_next_one_waits_too_long_nobody_is_let_in(room: WaitingRoom[str], clock: Clock) -> None:
    fill(room, (ANNA, "a1"), (BERT, "b1"))
    clock.now_s += 1.1

    with pytest.raises(Full):
        room.add(CARL, "c1")
    room.take(2)
    room.add(CARL, "c1")

    assert room.take(9) == ["c1"]


def test_a_user_whose_own_queue_is_too_slow_is_refused_and_others_are_not(clock: Clock) -> None:
    room: WaitingRoom[str] = WaitingRoom(places=100, longest_wait_s=1.0, clock=clock)
    fill(room, *((ANNA, f"a{number}") for number in range(20)))
    for _ in range(4):
        clock.now_s += 0.4
        room.take(1)

    with pytest.raises(Full):
        room.add(ANNA, "late")
    room.add(BERT, "b1")

    assert room.take(2) == ["a4", "b1"]


async def seconds_for(count: int) -> float:
    """How long so many refusals at one moment take."""
    pacer, clock = RejectionPacer(), asyncio.get_running_loop().time
    began = clock()
    await asyncio.gather(*(pacer.wait() for _ in range(count)))
    return clock() - began


async def test_a_few_refusals_go_at_once_and_many_at_a_bounded_rate() -> None:
    assert await seconds_for(1) < 0.02
    assert await seconds_for(2 * REFUSALS_PER_S // 10) >= 0.19


async def test_no_refusal_is_held_for_longer_than_a_second() -> None:
    assert await seconds_for(4 * REFUSALS_PER_S) < LONGEST_PAUSE_S + 2.0  # and not 4 s

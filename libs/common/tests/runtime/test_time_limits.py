"""A time limit ends what takes too long, and nothing else.

No test here measures how punctual this machine is: that a limit is kept shows in what has happened once a later one
has ended, and a limit that is never kept ends the test by pytest's own.
"""

import asyncio
import gc

import pytest
import uvloop
from common.runtime.time_limits import MAX_ENDED, time_limit

from tests.waiting import turns


async def ended_by_its_limit(seconds: float) -> float:
    """How long something endless took, in seconds of the event loop."""
    began = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError), time_limit(seconds):
        await asyncio.Event().wait()
    return asyncio.get_running_loop().time() - began


def known_limits() -> int:
    """How many limits are in memory."""
    gc.collect()
    return sum(type(one) is time_limit for one in gc.get_objects())


async def test_what_takes_too_long_is_ended_and_not_before_its_time() -> None:
    assert await ended_by_its_limit(0.05) >= 0.05


async def test_limits_end_in_the_order_of_their_times_whatever_that_of_their_beginnings() -> None:
    ended: list[float] = []

    async def wait(seconds: float) -> None:
        await ended_by_its_limit(seconds)
        ended.append(seconds)

    await asyncio.gather(*(wait(seconds) for seconds in (0.06, 0.02, 0.04)))

    assert ended == [0.02, 0.04, 0.06]


async def test_what_is_in_time_is_left_alone() -> None:
    with time_limit(0.01):
        await turns()

    await ended_by_its_limit(0.02)

    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]


async def test_many_that_end_in_time_hide_none_that_does_not() -> None:
    endless = asyncio.create_task(ended_by_its_limit(0.05))
    for _ in range(20 * MAX_ENDED):
        with time_limit(0.01):
            await turns()

    assert await endless >= 0.05


@pytest.mark.parametrize("order", [(30.0, 1.0), (1.0, 30.0)])
async def test_ended_limits_are_forgotten_whichever_live_one_they_stand_behind(order: tuple[float, float]) -> None:
    live_s, short_s = order
    before = known_limits()

    with time_limit(live_s):
        for _ in range(100 * MAX_ENDED):
            with time_limit(short_s):
                pass

        assert known_limits() - before <= MAX_ENDED + 2

    assert known_limits() - before <= MAX_ENDED + 2


async def test_a_crowd_that_has_ended_is_forgotten_without_another_limit() -> None:
    before = known_limits()
    crowd = [time_limit(30) for _ in range(100 * MAX_ENDED)]
    for one in crowd:
        one.__enter__()
    for one in crowd:
        one.__exit__(None, None, None)

    del one, crowd

    assert known_limits() - before <= MAX_ENDED + 1


async def test_a_limit_of_zero_ends_at_the_first_pause() -> None:
    later = asyncio.create_task(ended_by_its_limit(0.02))

    await ended_by_its_limit(0)

    assert not later.done()
    await later


async def test_a_cancellation_from_outside_is_no_time_out() -> None:
    async def wait() -> None:
        with time_limit(30):
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await turns()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_passes_through() -> None:
    with pytest.raises(ValueError, match="other"), time_limit(1):
        raise ValueError("other")


async def test_the_inner_limit_of_two_ends_alone() -> None:
    with time_limit(30):
        await ended_by_its_limit(0.01)
        await turns()


async def test_the_outer_limit_of_two_ends_both() -> None:
    reached = False

    async def wait_under_both() -> None:
        nonlocal reached
        with time_limit(0.01):
            with time_limit(30):
                await asyncio.Event().wait()
            reached = True

    with pytest.raises(TimeoutError):
        await wait_under_both()

    assert not reached


def test_each_event_loop_has_its_own() -> None:
    for _ in range(2):
        asyncio.run(ended_by_its_limit(0.01))


async def test_without_a_task_it_says_so() -> None:
    done: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def no_task() -> None:
        try:
            time_limit(1).__enter__()
        except RuntimeError as error:
            done.set_result(str(error))

    asyncio.get_running_loop().call_soon(no_task)

    assert await done == "a time limit needs a task"


def test_one_that_has_passed_already_does_not_disturb_the_next_under_uvloop() -> None:
    async def two_limits() -> None:
        with pytest.raises(TimeoutError), time_limit(-1), time_limit(1):  # the second is set before the first has ended
            await asyncio.Event().wait()

    uvloop.run(two_limits())

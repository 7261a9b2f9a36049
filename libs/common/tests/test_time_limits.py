"""A time limit ends what takes too long, and nothing else."""

import asyncio

import pytest
import uvloop
from common.time_limits import time_limit


async def ended_by_its_limit(seconds: float) -> float:
    """How long something endless took, in seconds of the event loop."""
    began = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError), time_limit(seconds):
        await asyncio.Event().wait()
    return asyncio.get_running_loop().time() - began


async def test_what_takes_too_long_is_ended_at_its_time() -> None:
    took_s = await ended_by_its_limit(0.05)

    assert 0.05 <= took_s < 0.5


async def test_limits_end_in_the_order_of_their_times_whatever_that_of_their_beginnings() -> None:
    took_s = await asyncio.gather(*(ended_by_its_limit(seconds) for seconds in (0.15, 0.05, 0.1)))

    assert took_s[1] < took_s[2] < took_s[0]
    assert all(took < limit + 0.04 for took, limit in zip(took_s, (0.15, 0.05, 0.1), strict=True))


async def test_what_is_in_time_is_left_alone() -> None:
    with time_limit(0.02):
        await asyncio.sleep(0)
    await asyncio.sleep(0.06)

    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]


async def test_many_that_end_in_time_hide_none_that_does_not() -> None:
    endless = asyncio.create_task(ended_by_its_limit(0.05))
    for _ in range(1_000):
        with time_limit(0.01):
            await asyncio.sleep(0)

    assert await endless < 0.5


async def test_a_limit_of_zero_ends_at_the_first_pause() -> None:
    assert await ended_by_its_limit(0) < 0.1


async def test_a_cancellation_from_outside_is_no_time_out() -> None:
    async def wait() -> None:
        with time_limit(30):
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_passes_through() -> None:
    with pytest.raises(ValueError, match="other"), time_limit(1):
        raise ValueError("other")


async def test_the_inner_limit_of_two_ends_alone() -> None:
    with time_limit(30):
        assert await ended_by_its_limit(0.01) < 0.5
        await asyncio.sleep(0)


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
        assert asyncio.run(ended_by_its_limit(0.01)) < 0.5


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

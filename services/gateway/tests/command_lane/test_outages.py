"""Callers get the right outcome when the link is lost or rejects a batch: refused or unknown."""

import asyncio

import pytest
from gateway.bus_link import BLOCKED
from gateway.bus_session import NotSent, OutcomeUnknown

from tests.commands import plain

from .bench import DONE, Bench, command, idle, outcomes_of, statuses_of


async def test_a_link_that_was_never_connected_refuses() -> None:
    bench = Bench()
    await bench.link.lose()

    outcome = await bench.lane.call(plain(command()))

    assert (outcome.status, bench.sent.empty()) == ("refused", True)


async def test_a_link_that_is_connected_again_takes_commands() -> None:
    bench = Bench()
    await bench.link.lose()
    await bench.link.set_refusal(None)

    calls = await bench.call(command())
    await bench.answer_next()

    assert await outcomes_of(calls) == [DONE]


async def test_losing_the_link_leaves_what_is_on_its_way_unknown_at_once() -> None:
    bench = Bench(max_batch=1, max_in_flight=2)
    calls = await bench.call(command(), command())

    await bench.link.lose()

    assert await statuses_of(calls) == ["unknown", "unknown"]


async def test_losing_the_link_refuses_what_waits_at_once() -> None:
    bench = Bench(max_batch=1, max_in_flight=1)
    _, *waiting = await bench.call(command(), command(), command())

    await bench.link.lose()

    assert await statuses_of(waiting) == ["refused", "refused"]


async def test_what_was_refused_when_the_link_was_lost_never_leaves() -> None:
    bench = Bench(max_batch=1, max_in_flight=1)
    calls = await bench.call(command(), command())
    await bench.next_batch()

    await bench.link.lose()
    await outcomes_of(calls)
    await bench.link.set_refusal(None)
    await idle()

    assert bench.sent.empty()


async def test_losing_the_link_frees_all_slots() -> None:
    bench = Bench(max_batch=1, max_in_flight=2)
    await bench.call(command(), command())
    for _ in range(2):
        await bench.next_batch()
    await bench.link.lose()
    await bench.link.set_refusal(None)

    await bench.call(command(), command())

    assert bench.sent.qsize() == 2


@pytest.mark.parametrize(
    ("failure", "status"),
    [(NotSent("nack"), "refused"), (OutcomeUnknown("lost"), "unknown")],
)
async def test_a_failed_batch_answers_at_once(failure: Exception, status: str) -> None:
    bench = Bench()
    bench.link.failure = failure

    calls = await bench.call(command(), command())

    assert await statuses_of(calls) == [status, status]


@pytest.mark.parametrize("failure", [NotSent("nack"), OutcomeUnknown("lost")])
async def test_a_failed_batch_frees_its_slot(failure: Exception) -> None:
    bench = Bench(max_batch=1, max_in_flight=1)
    bench.link.failure = failure

    calls = await bench.call(command(), command(), command())

    assert len(await outcomes_of(calls)) == 3
    assert bench.sent.qsize() == 3


async def test_a_blocked_link_refuses_what_comes_and_what_waits() -> None:
    bench = Bench(max_batch=1, max_in_flight=1)
    _, *waiting = await bench.call(command(), command())
    refusing = asyncio.create_task(bench.lane.keep_refusing())

    await bench.link.set_refusal(BLOCKED)

    assert await statuses_of(waiting) == ["refused"]
    assert (await bench.lane.call(plain(command()))).reason == BLOCKED
    refusing.cancel()


async def test_what_left_before_the_link_was_blocked_may_be_answered_yet() -> None:
    bench = Bench()
    calls = await bench.call(command())

    await bench.link.set_refusal(BLOCKED)
    await bench.answer_next()

    assert await outcomes_of(calls) == [DONE]


async def test_a_link_that_is_blocked_no_more_takes_commands() -> None:
    bench = Bench()
    await bench.link.set_refusal(BLOCKED)
    await bench.link.set_refusal(None)

    calls = await bench.call(command())
    await bench.answer_next()

    assert await outcomes_of(calls) == [DONE]

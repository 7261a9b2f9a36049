"""When commands leave, with which others, and in which order."""

import pytest
from common.contracts.outcomes import Outcome

from .bench import DONE, Bench, command, outcomes_of


async def test_a_command_leaves_an_idle_lane_at_once_and_alone() -> None:
    bench, waiting_command = Bench(), command()

    await bench.call(waiting_command)

    (_, batch) = bench.sent.get_nowait()
    assert batch.commands == [waiting_command]


async def test_one_client_after_another_gets_batches_of_one() -> None:
    bench = Bench()

    sizes = []
    for _ in range(3):
        calls = await bench.call(command())
        sizes.append(len((await bench.answer_next()).commands))
        await outcomes_of(calls)

    assert sizes == [1, 1, 1]


async def test_commands_of_one_turn_of_the_event_loop_share_a_batch() -> None:
    bench, commands = Bench(max_in_flight=2), [command() for _ in range(5)]

    await bench.call(*commands)

    (_, batch) = bench.sent.get_nowait()
    assert batch.commands == commands


async def test_a_command_waits_while_all_slots_are_taken() -> None:
    bench = Bench(max_in_flight=1)
    await bench.call(command())
    await bench.next_batch()

    await bench.call(command())

    assert bench.sent.empty()


async def test_all_that_waited_leave_together() -> None:
    bench, later = Bench(max_in_flight=1), [command() for _ in range(7)]
    await bench.call(command())
    for one in later:
        await bench.call(one)

    await bench.answer_next()

    (_, batch) = bench.sent.get_nowait()
    assert batch.commands == later


async def test_batches_grow_with_what_arrives_during_one_round_trip() -> None:
    bench = Bench(max_in_flight=1)
    await bench.call(command())

    sizes = []
    for arriving in (2, 8, 32, 1, 1):
        await bench.call(*(command() for _ in range(arriving)))
        sizes.append(len((await bench.answer_next()).commands))

    assert sizes == [1, 2, 8, 32, 1]


async def test_a_batch_holds_max_batch_commands_at_most() -> None:
    bench = Bench(max_batch=3, max_in_flight=1)

    await bench.call(*(command() for _ in range(7)))

    assert [len((await bench.answer_next()).commands) for _ in range(3)] == [3, 3, 1]


async def test_commands_leave_in_the_order_of_their_arrival() -> None:
    bench, commands = Bench(max_batch=4, max_in_flight=1), [command() for _ in range(10)]
    for one in commands:
        await bench.call(one)

    batches = [await bench.answer_next() for _ in range(4)]

    assert [one for batch in batches for one in batch.commands] == commands


@pytest.mark.parametrize("slots", [1, 2, 5])
async def test_no_more_than_max_in_flight_batches_are_on_their_way(slots: int) -> None:
    bench = Bench(max_batch=1, max_in_flight=slots)

    await bench.call(*(command() for _ in range(slots + 3)))

    assert bench.sent.qsize() == slots


async def test_an_answer_frees_one_slot() -> None:
    bench = Bench(max_batch=1, max_in_flight=2)
    await bench.call(*(command() for _ in range(5)))

    await bench.answer_next()

    assert bench.sent.qsize() == 2


async def test_a_command_beyond_max_waiting_is_refused_at_once() -> None:
    bench = Bench(max_in_flight=1, max_waiting=2)
    await bench.call(command())
    await bench.call(command(), command())

    (refused,) = await bench.call(command())

    assert refused.done()
    assert refused.result().status == "refused"


async def test_those_that_wait_suffer_nothing_from_one_that_is_refused() -> None:
    bench = Bench(max_in_flight=1, max_waiting=2)
    await bench.call(command())
    waiting = await bench.call(command(), command())
    await bench.call(command())

    await bench.answer_next()
    await bench.answer_next()

    assert await outcomes_of(waiting) == [DONE, DONE]


async def test_each_caller_gets_the_outcome_of_its_own_command() -> None:
    bench = Bench()
    outcomes = [Outcome(status="done", task="1"), Outcome(status="not_found"), Outcome(status="refused", reason="no")]
    calls = await bench.call(*(command() for _ in outcomes))

    await bench.answer_next(outcomes)

    assert await outcomes_of(calls) == outcomes


async def test_answers_may_come_in_any_order() -> None:
    bench = Bench(max_batch=1, max_in_flight=2)
    calls = await bench.call(command(), command())
    (first, _), (second, _) = await bench.next_batch(), await bench.next_batch()

    bench.link.answer(second, [Outcome(status="done", task="second")])
    bench.link.answer(first, [Outcome(status="done", task="first")])

    assert [outcome.task for outcome in await outcomes_of(calls)] == ["first", "second"]

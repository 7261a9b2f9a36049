"""No call outlives its deadline: `unknown` when the command has left, `expired` when it certainly has not."""

import asyncio
import time

from tests.commands import plain
from tests.waiting import turns

from .bench import Bench, command, keep_busy, outcomes_of, statuses_of

SOON_S = 0.1


async def test_a_command_without_an_answer_is_unknown_at_its_deadline() -> None:
    bench = Bench()
    started = time.monotonic()

    calls = await bench.call(command(within_s=SOON_S))

    assert await statuses_of(calls) == ["unknown"]
    assert time.monotonic() - started >= SOON_S - 0.01


async def test_a_batch_without_an_answer_frees_its_slot_once_its_deadlines_have_passed() -> None:
    bench, later = Bench(max_batch=2, max_in_flight=1), command()
    await bench.call(command(within_s=SOON_S), command(within_s=2 * SOON_S))
    await bench.call(later)
    await bench.next_batch()

    (_, batch) = await bench.next_batch()

    assert batch.commands == [later]


async def test_a_deadline_that_passes_ends_no_neighbour_with_a_later_one() -> None:
    bench = Bench()
    first, second = await bench.call(command(within_s=SOON_S), command())
    await outcomes_of([first])

    await bench.answer_next()

    assert await statuses_of([first, second]) == ["unknown", "done"]


async def test_a_command_whose_deadline_passes_while_it_waits_is_expired() -> None:
    bench = Bench(max_batch=1, max_in_flight=1)
    await bench.call(command())

    calls = await bench.call(command(within_s=SOON_S))

    assert await statuses_of(calls) == ["expired"]


async def test_an_expired_command_never_leaves() -> None:
    bench = Bench(max_batch=1, max_in_flight=1)
    await bench.call(command())
    await outcomes_of(await bench.call(command(within_s=SOON_S)))

    await bench.answer_next()

    assert bench.sent.empty()


async def test_a_command_past_its_deadline_when_it_is_called_never_leaves() -> None:
    bench = Bench()

    calls = await bench.call(command(within_s=-1.0))

    assert (await statuses_of(calls), bench.sent.empty()) == (["expired"], True)


async def test_commands_that_expire_while_the_event_loop_is_busy_never_leave() -> None:
    bench = Bench()
    calls = [asyncio.create_task(bench.lane.call(plain(command(within_s=SOON_S)))) for _ in range(3)]
    await turns()

    keep_busy(2 * SOON_S)

    assert (await statuses_of(calls), bench.sent.empty()) == (["expired"] * 3, True)


async def test_a_command_that_expires_in_the_turn_in_which_a_slot_is_freed_is_not_unknown() -> None:
    bench = Bench(max_batch=1, max_in_flight=1)
    never_answered, waiting = await bench.call(command(within_s=SOON_S), command(within_s=SOON_S + 0.02))

    keep_busy(2 * SOON_S)

    assert await statuses_of([never_answered, waiting]) == ["unknown", "expired"]

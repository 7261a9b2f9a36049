"""What happens to one call never reaches another: clients that go away, and thousands of calls at once."""

import asyncio
import random
from collections.abc import Sequence

import pytest
from common.contracts.commands import CommandBatch
from common.contracts.outcomes import Outcome
from gateway.bus_session import NotSent

from .bench import DONE, Bench, Sent, command, idle, outcomes_of

CALLS = 2000
SLOTS = 8


async def test_a_command_whose_client_went_away_while_it_waited_never_leaves() -> None:
    bench, waiting_command = Bench(max_in_flight=1), command()
    await bench.call(command())
    gone, _ = await bench.call(command(), waiting_command)

    gone.cancel()
    await bench.answer_next()

    (_, batch) = await bench.next_batch()
    assert batch.commands == [waiting_command]


@pytest.mark.parametrize("gone", [0, 1, 2])
async def test_neighbours_of_a_client_that_went_away_get_their_own_outcomes(gone: int) -> None:
    bench = Bench()
    calls = await bench.call(command(), command(), command())

    calls.pop(gone).cancel()
    await bench.answer_next([Outcome(status="done", task=str(place)) for place in range(3)])

    left = [str(place) for place in range(3) if place != gone]
    assert [outcome.task for outcome in await outcomes_of(calls)] == left


async def test_a_client_that_goes_away_gets_no_answer() -> None:
    bench = Bench()
    (gone,) = await bench.call(command())

    gone.cancel()
    await bench.answer_next()

    assert gone.cancelled()


async def test_the_answer_frees_a_slot_whose_clients_all_went_away() -> None:
    bench, later = Bench(max_in_flight=1), command()
    for gone in await bench.call(command(), command()):
        gone.cancel()
    await bench.call(later)

    await bench.answer_next()

    (_, batch) = await bench.next_batch()
    assert batch.commands == [later]


async def test_the_deadline_frees_a_slot_whose_client_went_away() -> None:
    bench, later = Bench(max_in_flight=1), command()
    (gone,) = await bench.call(command(within_s=0.1))
    gone.cancel()
    await bench.call(later)
    await bench.next_batch()

    (_, batch) = await bench.next_batch()

    assert batch.commands == [later]


def own_outcomes(batch: CommandBatch) -> list[Outcome]:
    """Outcomes that name the command they belong to."""
    return [Outcome(status="done", task=str(one.command_id)) for one in batch.commands]


async def answer_in_random_order(bench: Bench, chance: random.Random) -> None:
    """Plays a broker with many writers, for CALLS commands: it holds up to SLOTS batches and answers any of them."""
    held: list[Sent] = []
    answered = 0
    while answered < CALLS:
        if not held:
            held.append(await bench.next_batch())
        while not bench.sent.empty():
            held.append(bench.sent.get_nowait())
        assert len(held) <= SLOTS
        chance.shuffle(held)
        for batch_id, batch in [held.pop() for _ in range(chance.randint(1, len(held)))]:
            bench.link.answer(batch_id, own_outcomes(batch))
            answered += len(batch.commands)
        await idle()


async def call_in_bursts(bench: Bench, chance: random.Random) -> tuple[list[str], Sequence[asyncio.Task[Outcome]]]:
    """CALLS calls, some at a time; the ids of their commands, and the calls."""
    commands = [command() for _ in range(CALLS)]
    calls: list[asyncio.Task[Outcome]] = []
    while len(calls) < CALLS:
        burst = commands[len(calls) : len(calls) + chance.randint(1, 50)]
        calls += await bench.call(*burst)
    return [str(waiting_command.command_id) for waiting_command in commands], calls


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_two_thousand_calls_answered_in_any_order_all_get_their_own_outcome(seed: int) -> None:
    bench = Bench(max_batch=16, max_in_flight=SLOTS)
    chance = random.Random(seed)  # noqa: S311 - a repeatable order, not a secret

    broker = asyncio.create_task(answer_in_random_order(bench, chance))
    ids, calls = await call_in_bursts(bench, chance)
    outcomes = await outcomes_of(calls)
    await broker

    assert [outcome.task for outcome in outcomes] == ids


async def test_a_refused_batch_refuses_no_other() -> None:
    bench = Bench(max_batch=1, max_in_flight=2)
    sound = await bench.call(command())
    bench.link.failure = NotSent("nack")
    refused = await bench.call(command())

    await bench.answer_next()

    assert [outcome.status for outcome in await outcomes_of([*sound, *refused])] == [DONE.status, "refused"]

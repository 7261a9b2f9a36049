"""One key several times at the same moment: in one batch, at two writers, redelivered."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from common.contracts.outcomes import Outcome
from common.postgres.database import Database, open_database
from pydantic import SecretStr
from task_writer.batches import EXPIRED, KEY_REUSED, REFUSED, STILL_RUNNING, carry_out
from task_writer.settings import WriterSettings

from tests.commands import create, delete, keyed, toggle
from tests.conftest import Addresses, writer_settings
from tests.integration.effects import is_completed, outcomes, replay_of, titles
from tests.integration.locks import Locks
from tests.ports import closed_port


@pytest.fixture
async def other_writer(addresses: Addresses) -> AsyncIterator[Database]:
    """The database as a second task-writer sees it, over connections of its own."""
    settings = writer_settings(addresses)
    async with open_database(settings.writer_database_url, settings) as database:
        yield database


async def test_a_key_that_is_reused_in_a_batch_harms_no_neighbour(
    writer_database: Database, reader_database: Database
) -> None:
    first = keyed(create())
    (made,) = await outcomes(writer_database, first)
    mismatch = keyed(create(first.user_id, title="another body"), first.command_id)
    before, after, with_a_key = create(), create(), keyed(create())

    answered = await carry_out(writer_database, [before, mismatch, first, with_a_key, after])

    assert [one.outcome.status for one in answered] == ["done", "key_reused", "done", "done", "done"]
    assert [one.outcome.replayed for one in answered] == [False, False, True, False, False]
    assert answered[2].outcome == replay_of(made)
    assert [one.poison for one in answered] == [None] * 5
    for command in (before, with_a_key, after):
        assert await titles(reader_database, command.user_id) == [command.title]


async def test_one_key_twice_in_a_batch_takes_effect_once(writer_database: Database, reader_database: Database) -> None:
    task = create()
    flip = keyed(toggle(task.user_id, task.task_id))
    new = keyed(create())
    new_again = keyed(create(new.user_id), new.command_id)
    await outcomes(writer_database, task)

    answers = await outcomes(writer_database, flip, new, flip, new_again, create())

    assert [answer.status for answer in answers] == ["done"] * 5
    assert answers[2:4] == [replay_of(answers[0]), replay_of(answers[1])]
    assert await is_completed(reader_database, flip)
    assert len(await titles(reader_database, new.user_id)) == 1


async def test_one_key_for_two_requests_in_a_batch_is_the_first_ones(
    writer_database: Database, reader_database: Database
) -> None:
    first, neighbour = keyed(create(title="first")), create()
    second = keyed(create(first.user_id, title="second"), first.command_id)

    answers = await outcomes(writer_database, first, neighbour, second)

    assert [answer.status for answer in answers] == ["done", "done", "key_reused"]
    assert await titles(reader_database, first.user_id) == ["first"]
    assert await titles(reader_database, neighbour.user_id) == [neighbour.title]


async def test_one_key_at_two_writers_at_once_takes_effect_once(
    writer_database: Database, other_writer: Database, reader_database: Database
) -> None:
    task = create()
    await outcomes(writer_database, task)
    flips = [keyed(toggle(task.user_id, task.task_id)) for _ in range(25)]

    pairs = [await asyncio.gather(outcomes(writer_database, flip), outcomes(other_writer, flip)) for flip in flips]

    assert [sorted(answer.replayed for (answer,) in pair) for pair in pairs] == [[False, True]] * len(flips)
    assert all(one.task == other.task for (one,), (other,) in pairs)
    assert await is_completed(reader_database, task)  # an odd number of flips


async def test_creations_with_one_key_at_two_writers_at_once_make_one_task(
    writer_database: Database, other_writer: Database, reader_database: Database
) -> None:
    firsts = [keyed(create()) for _ in range(25)]
    seconds = [keyed(create(first.user_id), first.command_id) for first in firsts]

    pairs = [
        await asyncio.gather(outcomes(writer_database, first), outcomes(other_writer, second))
        for first, second in zip(firsts, seconds, strict=True)
    ]

    assert all(one.task == other.task for (one,), (other,) in pairs)
    assert {answer.status for pair in pairs for (answer,) in pair} == {"done"}
    assert [len(await titles(reader_database, first.user_id)) for first in firsts] == [1] * len(firsts)


async def test_a_writer_waits_for_another_with_the_same_key_and_compares_what_they_ask_for(
    writer_database: Database, other_writer: Database, locks: Locks
) -> None:
    task = create()
    await outcomes(writer_database, task)
    first = keyed(toggle(task.user_id, task.task_id))
    other = keyed(create(task.user_id, title="something else"), first.command_id)

    # The lock holds the first writer after it has looked the key up and found nothing, and before it has recorded it.
    async with locks.held(task) as blocker:
        holding = asyncio.create_task(outcomes(writer_database, first, create()))
        await locks.awaited()
        waiting = asyncio.create_task(outcomes(other_writer, other, first, create()))
        await locks.awaited(by=2)
        await blocker.rollback()
    flipped, neighbour = await holding
    reused, replayed, other_neighbour = await waiting

    assert [flipped.status, neighbour.status, other_neighbour.status] == ["done"] * 3
    assert (reused, replayed) == (KEY_REUSED, replay_of(flipped))


async def test_batches_with_the_same_keys_in_other_orders_take_turns(
    writer_database: Database, other_writer: Database, locks: Locks
) -> None:
    tasks = [create() for _ in range(3)]
    await outcomes(writer_database, *tasks)
    flips = [keyed(toggle(one.user_id, one.task_id)) for one in tasks]

    async with locks.held(tasks[1]) as blocker:
        there = asyncio.create_task(outcomes(writer_database, *flips))
        await locks.awaited()
        back = asyncio.create_task(outcomes(other_writer, *reversed(flips)))
        await locks.awaited(by=2)
        await blocker.rollback()

    assert [replay_of(answer) for answer in await there] == list(reversed(await back))


async def test_a_redelivered_batch_with_keys_is_answered_from_the_record(writer_database: Database) -> None:
    done, unkeyed, expired = keyed(create()), create(), keyed(create(expires_in_s=-1))
    before = await outcomes(writer_database, done, unkeyed)
    mismatch = keyed(delete(done.user_id, done.task_id), done.command_id)
    new = keyed(create())

    after = await outcomes(writer_database, done, unkeyed, mismatch, new, expired, redelivered=True)

    assert after[:3] == [replay_of(before[0]), before[1], KEY_REUSED]
    assert (after[3].status, after[3].replayed, after[4]) == ("done", False, EXPIRED)


@pytest.mark.parametrize(
    ("redelivered", "outcome"), [(False, REFUSED), (True, STILL_RUNNING)], ids=["first", "redelivered"]
)
async def test_what_cannot_be_looked_up_is_not_run(*, redelivered: bool, outcome: Outcome) -> None:
    with closed_port() as nobody:
        url = SecretStr(f"postgresql://taskwire_writer@127.0.0.1:{nobody}/taskwire")
        settings = WriterSettings(
            writer_database_url=url, rabbitmq_url=SecretStr("amqp://unused"), pool_timeout_s=0.1, allow_rls_bypass=True
        )
        async with open_database(url, settings) as absent:
            answered = await carry_out(absent, [keyed(create()), create()], redelivered=redelivered)

    assert [one.outcome for one in answered] == [outcome, outcome]

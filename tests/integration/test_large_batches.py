"""Batches of more than MAX_COMMANDS: a transaction for each MAX_COMMANDS, one after the other (ADR 23)."""

import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid4

from common.contracts.commands import AnyCommand, KeyedList
from common.contracts.fingerprints import list_fingerprint
from common.contracts.outcomes import Outcome
from common.postgres.database import Database, open_database
from local_stack.postgres import Postgres
from pydantic import SecretStr
from task_writer.batches import EXPIRED, MAX_COMMANDS, REFUSED, STILL_RUNNING, UNKNOWN, carry_out

from faults.lines import line_to
from tests.commands import create, toggle
from tests.conftest import Addresses, writer_settings
from tests.integration.effects import outcomes, titles
from tests.integration.locks import Locks
from tests.waiting import eventually


def creates(user: UUID, count: int, *, expires_in_s: float = 10.0) -> list[AnyCommand]:
    return [create(user, title=str(number), expires_in_s=expires_in_s) for number in range(count)]


def statuses(answers: Sequence[Outcome]) -> list[str]:
    return [answer.status for answer in answers]


async def test_what_comes_first_in_a_large_batch_is_committed_before_the_rest(
    writer_database: Database, reader_database: Database, locks: Locks
) -> None:
    """So a user's row is locked for no longer than by an ordinary batch, and others of that user get in between."""
    user, task = uuid4(), create()
    await outcomes(writer_database, task)
    first, last = creates(user, MAX_COMMANDS), creates(user, 1)

    async with locks.held(task) as blocker:
        running = asyncio.create_task(outcomes(writer_database, *first, toggle(task.user_id, task.task_id), *last))
        await locks.awaited()
        shown = await titles(reader_database, user)
        (between,) = await outcomes(writer_database, create(user, title="between"))
        await blocker.rollback()
        answers = await running

    assert shown == [str(number) for number in reversed(range(MAX_COMMANDS))]
    assert {between.status, *statuses(answers)} == {"done"}
    assert (await titles(reader_database, user))[:2] == ["0", "between"]


async def test_a_large_list_whose_writer_ended_in_the_middle_is_finished_when_it_is_redelivered(
    writer_database: Database, reader_database: Database
) -> None:
    user = uuid4()
    plain = creates(user, 2 * MAX_COMMANDS + 1)
    of_list = KeyedList(first=plain[0].command_id, fingerprint=list_fingerprint(plain))
    commands = [one.model_copy(update={"keyed": True, "keyed_list": of_list}) for one in plain]
    before = await outcomes(writer_database, *commands[:MAX_COMMANDS])

    answers = await outcomes(writer_database, *commands, redelivered=True)
    again = await outcomes(writer_database, *commands, redelivered=True)

    assert set(statuses(answers)) == {"done"}
    assert [one.task for one in answers[:MAX_COMMANDS]] == [one.task for one in before]
    assert [one.task for one in again] == [one.task for one in answers]
    assert len(await titles(reader_database, user)) == len(commands)


async def test_when_postgresql_is_lost_in_the_middle_each_command_is_answered_with_what_is_certain(
    writer_database: Database, addresses: Addresses, postgres: Postgres, locks: Locks
) -> None:
    settings = writer_settings(addresses).model_copy(update={"pool_timeout_s": 0.5})
    task = create()
    await outcomes(writer_database, task)
    middle = [toggle(task.user_id, task.task_id), *creates(uuid4(), MAX_COMMANDS - 1)]
    commands = [*creates(uuid4(), MAX_COMMANDS), *middle, *creates(uuid4(), 2 * MAX_COMMANDS)]

    async with line_to(postgres.port) as line:
        url = SecretStr(addresses.writer.replace(f":{postgres.port}/", f":{line.port}/"))
        async with open_database(url, settings) as cut_off, locks.held(task):
            running = asyncio.create_task(carry_out(cut_off, commands))
            await locks.awaited()
            line.refuse()
            answered = await running
            redelivered = await carry_out(cut_off, commands, redelivered=True)

    assert [one.command for one in answered] == commands
    ends = [one.outcome for one in answered]
    assert set(statuses(ends[:MAX_COMMANDS])) == {"done"}
    assert ends[MAX_COMMANDS : 2 * MAX_COMMANDS] == [UNKNOWN] * MAX_COMMANDS
    assert ends[2 * MAX_COMMANDS :] == [REFUSED] * (2 * MAX_COMMANDS)
    assert [one.outcome for one in redelivered] == [STILL_RUNNING] * len(commands)


async def test_commands_of_a_large_batch_that_expire_before_their_turn_are_not_run(
    writer_database: Database, reader_database: Database, locks: Locks
) -> None:
    user, task = uuid4(), create()
    await outcomes(writer_database, task)
    late = creates(user, 1, expires_in_s=0.5)

    async with locks.held(task) as blocker:
        first = [toggle(task.user_id, task.task_id), *creates(uuid4(), MAX_COMMANDS - 1)]
        running = asyncio.create_task(outcomes(writer_database, *first, *late))
        await locks.awaited()
        await eventually(lambda: is_past(late[0]))
        await blocker.rollback()
        answers = await running

    assert (set(statuses(answers[:-1])), answers[-1]) == ({"done"}, EXPIRED)
    assert await titles(reader_database, user) == []


async def is_past(command: AnyCommand) -> bool:
    return command.seconds_left() <= 0

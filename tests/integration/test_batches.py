"""A batch of commands on a real PostgreSQL: order, one answer each, at most once, no harm to neighbours."""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import get_args
from uuid import uuid4

import psycopg
import pytest
from common.contracts.commands import AnyCommand, CreateTask
from common.contracts.fields import TaskChanges
from common.contracts.fingerprints import fingerprint
from common.contracts.outcomes import Outcome
from common.postgres.database import Database, open_database
from pydantic import SecretStr
from task_writer import statements
from task_writer.batches import EXPIRED, carry_out

from tests.commands import create, delete, envelope, id_of_key, keyed, patch, replace, toggle
from tests.conftest import Addresses, writer_settings
from tests.integration.effects import is_completed, outcomes
from tests.integration.locks import Locks
from tests.reading import read_list, read_one
from tests.task_fields import DEFAULTS
from tests.waiting import eventually


async def test_the_commands_of_a_batch_run_in_order(writer_database: Database) -> None:
    first = create()
    user, task = first.user_id, first.task_id

    answers = await outcomes(
        writer_database, first, replace(user, task), toggle(user, task), toggle(user, task), delete(user, task)
    )

    completed = [json.loads(answer.task)["is_completed"] for answer in answers if answer.task]
    assert [answer.status for answer in answers] == ["done"] * 5
    assert completed == [False, False, True, False]


async def test_commands_of_two_users_in_a_batch_keep_their_order_and_their_answers(
    writer_database: Database, reader_database: Database
) -> None:
    mine, theirs = create(title="mine"), create(title="theirs")
    me, task, them, other = mine.user_id, mine.task_id, theirs.user_id, theirs.task_id

    answers = await outcomes(
        writer_database,
        delete(me, task), mine, theirs, toggle(me, task), delete(them, task), toggle(them, other),
        replace(me, task, title="mine again"), toggle(me, task, is_completed=True), toggle(me, other),
        toggle(me, task), delete(me, task), toggle(me, task), toggle(them, other),
    )  # fmt: skip

    assert [summary(answer) for answer in answers] == [
        None, ("mine", False), ("theirs", False), ("mine", True), None, ("theirs", True),
        ("mine again", False), ("mine again", True), None,
        ("mine again", False), "done", None, ("theirs", False),
    ]  # fmt: skip
    assert await read_list(reader_database, me) == b"[]"
    assert await read_one(reader_database, them, other) == (answers[-1].task or "").encode()


async def test_only_the_record_of_a_command_with_a_key_has_a_fingerprint(
    writer_database: Database, owner: psycopg.AsyncConnection
) -> None:
    user = uuid4()
    with_key, without = keyed(create(user), id_of_key()), create(user)

    await outcomes(writer_database, with_key, without)

    await owner.execute("select set_config('app.user_id', %s, false)", [str(user)])
    rows = await owner.execute("select command_id, fingerprint from command_log where user_id = %s", [user])
    assert dict(await rows.fetchall()) == {with_key.command_id: fingerprint(with_key), without.command_id: b""}


def summary(answer: Outcome) -> tuple[str, bool] | str | None:
    """Title and completion of the task that is left; None where there was none."""
    if answer.task is None:
        return None if answer.status == "not_found" else answer.status
    task = json.loads(answer.task)
    return task["title"], task["is_completed"]


async def test_a_large_batch_is_answered_in_its_order(writer_database: Database) -> None:
    made = [create(title=str(number)) for number in range(500)]

    answers = await outcomes(writer_database, *made)

    assert [json.loads(answer.task or "")["id"] for answer in answers] == [str(one.task_id) for one in made]


async def test_with_an_answer_too_few_none_is_given_to_the_wrong_command(
    writer_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "RUN_COMMANDS", statements.RUN_COMMANDS.replace(";", " offset 1;"))

    with pytest.raises(ValueError, match="shorter"):
        await carry_out(writer_database, [create(), create()])


async def test_an_unknown_type_of_command_is_refused_and_harms_no_neighbour(
    writer_database: Database,
) -> None:
    neighbour = create()
    unknown = create().model_copy(update={"type": "rename_task"})

    answered = await carry_out(writer_database, [neighbour, unknown])

    assert [one.outcome.status for one in answered] == ["done", "refused"]
    assert [one.poison for one in answered] == [None, None]


@pytest.mark.parametrize("kind", get_args(AnyCommand.__value__))
async def test_every_type_of_command_is_known_to_the_database(
    writer_database: Database, kind: Callable[..., AnyCommand]
) -> None:
    values = {"task_id": uuid4(), "title": "of any type", "changes": {"title": "of any type"}}

    (answer,) = await outcomes(writer_database, kind(**envelope(), **values))

    assert answer.status in {"done", "not_found"}


async def test_a_missing_task_is_no_error_of_its_neighbours(writer_database: Database) -> None:
    before, after = create(), create()

    answers = await outcomes(writer_database, before, toggle(uuid4(), uuid4()), delete(uuid4(), uuid4()), after)

    assert [answer.status for answer in answers] == ["done", "not_found", "not_found", "done"]


@pytest.mark.parametrize("make", [replace, patch, toggle, delete])
async def test_another_users_task_is_not_found_and_stays_as_it_is(writer_database: Database, make) -> None:  # type: ignore[no-untyped-def]
    theirs = create()
    (before,) = await outcomes(writer_database, theirs)

    (answer,) = await outcomes(writer_database, make(uuid4(), theirs.task_id))

    (after,) = await outcomes(writer_database, toggle(theirs.user_id, theirs.task_id, is_completed=False))
    assert answer.status == "not_found"
    assert after.task == before.task


async def test_a_repeated_toggle_changes_nothing_and_is_answered_as_before(
    writer_database: Database, reader_database: Database
) -> None:
    first = create()
    flip = toggle(first.user_id, first.task_id)
    await outcomes(writer_database, first)

    answers = [await outcomes(writer_database, flip) for _ in range(3)]

    assert answers[0] == answers[1] == answers[2]
    assert await is_completed(reader_database, flip)


async def test_a_repeated_batch_is_answered_as_before(writer_database: Database) -> None:
    first = create()
    user, task = first.user_id, first.task_id
    batch: list[AnyCommand] = [first, toggle(user, task), toggle(uuid4(), task), delete(user, task)]

    before = await outcomes(writer_database, *batch)
    again = await outcomes(writer_database, *batch)

    assert again == before


async def test_one_command_twice_in_a_batch_takes_effect_once(
    writer_database: Database, reader_database: Database
) -> None:
    first = create()
    flip = toggle(first.user_id, first.task_id)

    answers = await outcomes(writer_database, first, flip, flip)

    assert answers[1] == answers[2]
    assert await is_completed(reader_database, flip)


async def test_one_command_at_two_writers_at_once_takes_effect_once(
    writer_database: Database, reader_database: Database
) -> None:
    first = create()
    await outcomes(writer_database, first)
    flips = [toggle(first.user_id, first.task_id) for _ in range(25)]

    pairs = await asyncio.gather(*(outcomes(writer_database, flip) for flip in flips for _ in range(2)))

    assert all(answer.status == "done" for (answer,) in pairs)
    assert all(pairs[i] == pairs[i + 1] for i in range(0, len(pairs), 2))
    assert await is_completed(reader_database, first)  # an odd number of flips


async def test_one_bad_command_harms_no_neighbour(writer_database: Database) -> None:
    first = create()
    await outcomes(writer_database, first)
    bad = create(first.user_id, task_id=first.task_id)  # another command, the same task: a bug no gateway has

    answered = await carry_out(writer_database, [create(), bad, create()])

    assert [one.outcome.status for one in answered] == ["done", "refused", "done"]
    assert [one.poison is None for one in answered] == [True, False, True]


async def test_a_command_past_its_deadline_is_not_run(writer_database: Database, reader_database: Database) -> None:
    late, timely = create(expires_in_s=-0.001), create()

    answers = await outcomes(writer_database, late, timely)

    tasks = await read_list(reader_database, late.user_id)
    assert [answer.status for answer in answers] == ["expired", "done"]
    assert tasks == b"[]"


async def test_a_batch_in_a_deadlock_is_carried_out_once(
    writer_database: Database, reader_database: Database, locks: Locks, caplog: pytest.LogCaptureFixture
) -> None:
    """With somebody who takes locks in another order: batches among themselves have one order (ADR 18)."""
    caplog.set_level(logging.INFO)
    low, high = sorted((create(), create()), key=lambda task: task.user_id)
    await outcomes(writer_database, low, high)

    async with locks.held(high) as stranger:
        running = asyncio.create_task(outcomes(writer_database, *toggle_all(low, high)))
        await locks.awaited(by=1)
        await stranger.execute("select set_config('app.user_id', %s, true)", [str(low.user_id)])
        await stranger.execute("select 1 from tasks where id = %s for update", [low.task_id])  # the batch was undone
        await stranger.rollback()
        answers = await running

    assert "DeadlockDetected" in caplog.text
    assert [answer.status for answer in answers] == ["done", "done"]
    assert [await is_completed(reader_database, task) for task in (low, high)] == [True, True]


def toggle_all(*tasks: CreateTask) -> list[AnyCommand]:
    return [toggle(task.user_id, task.task_id) for task in tasks]


async def test_connections_that_the_server_closed_are_not_noticed(
    writer_database: Database, postgres_admin: psycopg.AsyncConnection
) -> None:
    await outcomes(writer_database, create())
    await postgres_admin.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where usename in ('taskwire_writer', 'taskwire_reader')"
    )

    answers = await outcomes(writer_database, create(), create())

    assert [answer.status for answer in answers] == ["done", "done"]


async def test_trouble_of_the_database_is_no_poison(addresses: Addresses) -> None:
    settings = writer_settings(addresses)
    read_only_url = SecretStr(f"{addresses.writer}?options=-c%20default_transaction_read_only%3Don")

    async with open_database(read_only_url, settings) as read_only:
        answered = await carry_out(read_only, [create(), create()])

    assert [one.outcome.status for one in answered] == ["refused", "refused"]
    assert [one.poison for one in answered] == [None, None]


async def test_a_batch_that_takes_longer_than_a_statement_may_is_undone_and_run_one_by_one(
    addresses: Addresses, locks: Locks
) -> None:
    settings, held, neighbour = writer_settings(addresses), create(), create()
    impatient_url = SecretStr(f"{addresses.writer}?options=-c%20statement_timeout%3D500")

    async with open_database(impatient_url, settings) as impatient:
        await outcomes(impatient, held)
        async with locks.held(held):
            answers = await outcomes(impatient, neighbour, toggle(held.user_id, held.task_id))
        (after,) = await outcomes(impatient, toggle(held.user_id, held.task_id))

    assert [answer.status for answer in answers] == ["done", "refused"]
    assert json.loads(after.task or "")["is_completed"] is True


async def test_a_redelivered_command_that_was_carried_out_is_answered_as_before_even_past_its_deadline(
    writer_database: Database,
) -> None:
    done, never_run = create(expires_in_s=1.0), create(expires_in_s=-1)
    before = await outcomes(writer_database, done)
    await eventually(lambda: is_past(done))

    answered = await carry_out(writer_database, [done, never_run], redelivered=True)

    assert [one.outcome for one in answered] == [*before, EXPIRED]


async def is_past(command: AnyCommand) -> bool:
    return command.seconds_left() <= 0


async def test_a_patch_sets_what_it_names_and_leaves_the_rest(writer_database: Database) -> None:
    task = create(title="Buy milk")
    user, task_id = task.user_id, task.task_id
    changes: list[TaskChanges] = [
        {"description": "rye", "is_completed": True}, {}, {"title": "Buy bread"}, {"description": None},
        {"is_completed": False, "title": "\\ \"'\n"},
    ]  # fmt: skip

    answers = await outcomes(writer_database, task, *(patch(user, task_id, changes=one) for one in changes))

    fields = [{key: json.loads(answer.task or "")[key] for key in DEFAULTS} for answer in answers]
    expected: list[dict[str, object]] = [{"title": "Buy milk", "description": None, "is_completed": False}]
    for one in changes:
        expected.append({**expected[-1], **one})
    assert fields == expected

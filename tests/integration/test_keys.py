"""Commands with a key on a real PostgreSQL: one effect for one key, and one answer, for as long as it is kept."""

from collections.abc import Callable
from uuid import UUID, uuid4

import psycopg
import pytest
from common.contracts.commands import AnyCommand
from common.postgres.database import Database, open_database
from pydantic import SecretStr
from task_writer.batches import EXPIRED, KEY_REUSED, REFUSED
from task_writer.cleanup import forget_old_commands

from tests.commands import create, delete, id_of_key, keyed, patch, replace, toggle
from tests.conftest import Addresses, writer_settings
from tests.integration.effects import is_completed, outcomes, replay_of, titles
from tests.reading import read_list

DAY_S = 24 * 3600.0


async def test_the_first_command_of_a_key_is_carried_out_and_is_no_replay(
    writer_database: Database, reader_database: Database
) -> None:
    first = keyed(create(title="milk"))

    (outcome,) = await outcomes(writer_database, first)

    assert (outcome.status, outcome.replayed) == ("done", False)
    assert await titles(reader_database, first.user_id) == ["milk"]


async def test_a_second_request_to_create_gets_the_task_of_the_first(
    writer_database: Database, reader_database: Database
) -> None:
    first = keyed(create())
    again = keyed(create(first.user_id), first.command_id)  # another task_id: the gateway has drawn it anew

    (before,) = await outcomes(writer_database, first)
    (after,) = await outcomes(writer_database, again)

    assert after == replay_of(before)
    assert len(await titles(reader_database, first.user_id)) == 1


@pytest.mark.parametrize("make", [replace, patch, toggle, delete])
async def test_a_second_request_is_answered_as_the_first_and_changes_nothing(
    writer_database: Database, reader_database: Database, make: Callable[[UUID, UUID], AnyCommand]
) -> None:
    task = create()
    first = keyed(make(task.user_id, task.task_id))
    await outcomes(writer_database, task)

    (before,) = await outcomes(writer_database, first)
    list_before = await read_list(reader_database, task.user_id)
    (after,) = await outcomes(writer_database, keyed(make(task.user_id, task.task_id), first.command_id))

    assert (before.status, after) == ("done", replay_of(before))
    assert await read_list(reader_database, task.user_id) == list_before


async def test_a_replay_shows_the_task_as_it_was_then(writer_database: Database) -> None:
    task = create()
    flip = keyed(toggle(task.user_id, task.task_id))
    _, before = await outcomes(writer_database, task, flip)
    await outcomes(writer_database, replace(task.user_id, task.task_id, title="later"))

    (after,) = await outcomes(writer_database, flip)

    assert after == replay_of(before)


async def test_a_404_is_replayed_although_there_is_such_a_task_now(writer_database: Database) -> None:
    task = create()
    early = keyed(toggle(task.user_id, task.task_id))
    (before,) = await outcomes(writer_database, early)
    await outcomes(writer_database, task)

    (after,) = await outcomes(writer_database, early)

    assert (before.status, after) == ("not_found", replay_of(before))


async def test_another_request_under_the_same_key_is_not_carried_out(
    writer_database: Database, reader_database: Database
) -> None:
    first = keyed(create())
    user, task, key = first.user_id, first.task_id, first.command_id
    others: list[AnyCommand] = [
        create(user, title="another body"),
        replace(user, task),
        toggle(user, task),
        toggle(user, task, is_completed=True),
        delete(user, task),
        delete(user, uuid4()),
    ]
    await outcomes(writer_database, first)

    answers = [answer for other in others for answer in await outcomes(writer_database, keyed(other, key))]

    assert answers == [KEY_REUSED] * len(others)
    assert await titles(reader_database, user) == [first.title]
    assert not await is_completed(reader_database, first)


async def test_a_key_that_is_reused_reveals_nothing_of_the_other_request(writer_database: Database) -> None:
    first = keyed(create(title="secret"))
    await outcomes(writer_database, first)

    (answer,) = await outcomes(writer_database, keyed(delete(first.user_id, first.task_id), first.command_id))

    assert answer.task is None


async def test_the_same_id_of_two_requests_without_keys_is_answered_from_the_record_as_before(
    writer_database: Database,
) -> None:
    first = create()
    before = await outcomes(writer_database, first)

    after = await outcomes(writer_database, first)

    assert after == before  # not marked as replayed: an earlier release of the gateway has no such field


async def test_a_refused_or_expired_command_is_run_when_its_key_is_repeated(
    writer_database: Database, addresses: Addresses, reader_database: Database
) -> None:
    command = keyed(create())
    expired = command.model_copy(update={"deadline_unix_ms": 1})
    read_only_url = SecretStr(f"{addresses.writer}?options=-c%20default_transaction_read_only%3Don")
    async with open_database(read_only_url, writer_settings(addresses)) as read_only:
        refused = await outcomes(read_only, command)
    too_late = await outcomes(writer_database, expired)

    (again,) = await outcomes(writer_database, command)

    assert (refused, too_late) == ([REFUSED], [EXPIRED])
    assert (again.status, again.replayed) == ("done", False)
    assert await titles(reader_database, command.user_id) == [command.title]


async def test_the_same_key_of_two_users_is_two_keys(writer_database: Database, reader_database: Database) -> None:
    one, other = keyed(create(title="mine")), keyed(create(title="theirs"))

    answers = await outcomes(writer_database, one, other)

    assert [answer.replayed for answer in answers] == [False, False]
    assert await titles(reader_database, other.user_id) == ["theirs"]


async def make_older(owner: psycopg.AsyncConnection, command: AnyCommand, *, hours: int) -> None:
    """Moves the command's record into the past."""
    async with owner.transaction():
        await owner.execute("select set_config('app.user_id', %s, true)", [str(command.user_id)])
        await owner.execute(
            "update command_log set recorded_at = now() - make_interval(hours => %s) where command_id = %s",
            [hours, command.command_id],
        )


# With an id of the task that followed from the key, the second request could never be carried out.
async def test_a_key_that_was_forgotten_makes_a_new_task_beside_the_first(
    writer_database: Database, reader_database: Database, owner: psycopg.AsyncConnection
) -> None:
    first = keyed(create(title="milk"), id_of_key())
    again = keyed(create(first.user_id, title="milk"), first.command_id)
    await outcomes(writer_database, first)
    await make_older(owner, first, hours=25)
    await writer_database.run(lambda db: forget_old_commands(db, DAY_S))

    (answer,) = await outcomes(writer_database, again)

    assert (answer.status, answer.replayed) == ("done", False)
    assert await titles(reader_database, first.user_id) == ["milk", "milk"]


async def test_a_key_is_kept_until_it_is_a_day_old(writer_database: Database, owner: psycopg.AsyncConnection) -> None:
    first = keyed(create(), id_of_key())
    (before,) = await outcomes(writer_database, first)
    await make_older(owner, first, hours=23)
    await writer_database.run(lambda db: forget_old_commands(db, DAY_S))

    (after,) = await outcomes(writer_database, first)

    assert after == replay_of(before)

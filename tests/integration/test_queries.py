"""The reader's SQL on a real PostgreSQL."""

import json
from uuid import UUID, uuid4

import psycopg
import pytest
from common.contracts.commands import AnyCommand
from common.contracts.reads import Read
from common.postgres.database import Database
from task_reader.queries import answer_reads
from task_writer.batches import carry_out

from tests.commands import create, replace, toggle
from tests.reading import body_of, read_list, read_one


async def run(writer: Database, *commands: AnyCommand) -> list[str]:
    """The tasks that the commands leave, as the writer answers them."""
    return [one.outcome.task or "" for one in await carry_out(writer, commands)]


async def test_a_user_without_tasks_has_an_empty_list(reader_database: Database) -> None:
    tasks = await read_list(reader_database, uuid4())

    assert tasks == b"[]"


async def test_the_list_is_newest_first(reader_database: Database, writer_database: Database) -> None:
    user = uuid4()
    for title in ("first", "second", "third"):
        await run(writer_database, create(user, title=title))

    tasks = json.loads(await read_list(reader_database, user))

    assert [task["title"] for task in tasks] == ["third", "second", "first"]


async def test_tasks_of_one_batch_are_listed_in_their_order_of_arrival(
    reader_database: Database, writer_database: Database
) -> None:
    user = uuid4()
    await run(writer_database, *(create(user, title=str(number)) for number in range(20)))

    tasks = json.loads(await read_list(reader_database, user))

    assert [task["title"] for task in tasks] == [str(number) for number in reversed(range(20))]


async def test_ties_are_broken_by_the_id(
    reader_database: Database, writer_database: Database, same_moment: list[UUID]
) -> None:
    user, *ids = same_moment

    tasks = json.loads(await read_list(reader_database, user))

    assert [task["id"] for task in tasks] == [str(task_id) for task_id in sorted(ids, reverse=True)]


async def test_a_read_spells_a_task_as_the_answer_to_its_write_did(
    reader_database: Database, writer_database: Database
) -> None:
    command = create(title='"quotes" \\ / ü 🙂 \u2028 \x01')
    (written,) = await run(writer_database, command)

    listed = await read_list(reader_database, command.user_id)
    found = await read_one(reader_database, command.user_id, command.task_id)

    assert listed == f"[{written}]".encode()
    assert found == written.encode()


MOMENTS = {
    "2026-01-01T00:00:00Z": "2026-01-01T00:00:00.000000+00:00",
    "2026-01-01T00:00:00.1Z": "2026-01-01T00:00:00.100000+00:00",
    "2026-01-01T00:00:00.12345Z": "2026-01-01T00:00:00.123450+00:00",
    "2026-01-01T00:00:00.123456Z": "2026-01-01T00:00:00.123456+00:00",
    "2026-12-31T23:59:59.99999Z": "2026-12-31T23:59:59.999990+00:00",
    "2026-12-31T23:59:59.999999Z": "2026-12-31T23:59:59.999999+00:00",
    "2026-01-01T00:00:00.000001Z": "2026-01-01T00:00:00.000001+00:00",
    "1999-02-28T11:00:00.00001+11:00": "1999-02-28T00:00:00.000010+00:00",
}


@pytest.mark.parametrize(("moment", "spelled"), MOMENTS.items())
async def test_a_time_has_six_digits_after_the_second_wherever_it_is_shown(
    owner: psycopg.AsyncConnection, reader_database: Database, writer_database: Database, moment: str, spelled: str
) -> None:
    user, task = uuid4(), uuid4()
    async with owner.transaction():
        await owner.execute("select set_config('app.user_id', %s, true)", [str(user)])
        await owner.execute(
            "insert into tasks (id, title, created_at, user_id) values (%s, 'x', %s, %s)", [task, moment, user]
        )

    flipped, replaced = await run(writer_database, toggle(user, task), replace(user, task))
    listed = json.loads(await read_list(reader_database, user))
    found = await read_one(reader_database, user, task)

    assert [json.loads(text)["created_at"] for text in (flipped, replaced, found or b"")] == [spelled] * 3
    assert [one["created_at"] for one in listed] == [spelled]
    assert json.loads(found or b"") == listed[0] == json.loads(replaced)


async def test_another_users_task_is_not_found(reader_database: Database, writer_database: Database) -> None:
    command = create()
    await run(writer_database, command)

    found = await read_one(reader_database, uuid4(), command.task_id)

    assert found is None


async def test_each_read_of_a_batch_sees_its_own_user_alone(
    reader_database: Database, writer_database: Database
) -> None:
    ours, theirs = create(), create()
    ours_written, theirs_written = await run(writer_database, ours, theirs)
    batch = [
        Read(user_id=ours.user_id),
        Read(user_id=theirs.user_id, task_id=theirs.task_id),
        Read(user_id=ours.user_id, task_id=theirs.task_id),
        Read(user_id=uuid4()),
    ]

    answers = await reader_database.run(lambda db: answer_reads(db, batch))

    bodies = [None if answer is None else body_of(answer) for answer in answers]
    assert bodies == [f"[{ours_written}]".encode(), theirs_written.encode(), None, b"[]"]


async def test_a_batch_of_single_tasks_answers_each_in_its_place_as_any_batch_does(
    owner: psycopg.AsyncConnection, reader_database: Database, writer_database: Database
) -> None:
    ours, theirs, (user, old) = create(), create(), (uuid4(), uuid4())
    (done, _) = await carry_out(writer_database, [ours, theirs])
    async with owner.transaction():  # from before there were revisions
        await owner.execute("select set_config('app.user_id', %s, true)", [str(user)])
        await owner.execute("insert into tasks (id, title, user_id) values (%s, 'old', %s)", [old, user])
    batch = [
        Read(user_id=theirs.user_id, task_id=theirs.task_id),
        Read(user_id=ours.user_id, task_id=theirs.task_id),
        Read(user_id=ours.user_id, task_id=ours.task_id),
        Read(user_id=ours.user_id, task_id=ours.task_id, known_revision=done.outcome.revision),
        Read(user_id=ours.user_id, task_id=ours.task_id, known_revision=1),
        Read(user_id=user, task_id=old),
        Read(user_id=user, task_id=old, known_revision=0),
        Read(user_id=uuid4(), task_id=ours.task_id),
    ]

    alone = [answer for one in batch for answer in await answers_to(reader_database, one)]
    together = await answers_to(reader_database, *batch)
    in_pairs = [answer for place in range(0, 8, 2) for answer in await answers_to(reader_database, *batch[place:][:2])]
    beside_a_list = await answers_to(reader_database, *batch, Read(user_id=uuid4()))

    titles = ["Buy milk", None, "Buy milk", "", "Buy milk", "old", "", None]
    assert [title_of(answer) for answer in together] == titles
    assert together[3] == str(done.outcome.revision).encode()
    assert together == in_pairs == alone == beside_a_list[:-1]


async def test_each_of_many_single_tasks_is_its_users_whatever_postgresql_knows_of_the_table(
    owner: psycopg.AsyncConnection, reader_database: Database, writer_database: Database
) -> None:
    """The plan is made once for each connection: neither it nor the order of its rows may depend on what is stored."""
    made = [create(user, title=f"{user} {number}") for user in (uuid4() for _ in range(30)) for number in range(8)]
    await run(writer_database, *made)
    in_disorder = sorted(made, key=lambda one: one.title[-1] + one.title)
    batch = [Read(user_id=one.user_id, task_id=one.task_id) for one in in_disorder]
    of_another = [read.model_copy(update={"user_id": batch[-1 - place].user_id}) for place, read in enumerate(batch)]

    for statement in ("select 1", "analyze tasks"):
        await owner.execute(statement.encode())
        for _ in range(7):  # PostgreSQL may settle on another plan after the fifth
            assert [title_of(one) for one in await answers_to(reader_database, *batch)] == [
                one.title for one in in_disorder
            ]
            assert await answers_to(reader_database, *of_another) == [None] * len(batch)


async def answers_to(reader: Database, *batch: Read) -> list[bytes | None]:
    return await reader.run(lambda db: answer_reads(db, batch))


def title_of(answer: bytes | None) -> str | None:
    """The title of the task in an answer, nothing where it has the revision alone."""
    return None if answer is None else str(json.loads(answer.partition(b" ")[2] or b'{"title": ""}')["title"])

"""Changes since a revision, read from the command log on a real PostgreSQL: whole or not at all (ADR 20)."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from common.contracts.commands import CreateTask
from common.contracts.reads import Read
from common.postgres.database import Database
from local_stack.postgres import Postgres
from psycopg import sql
from psycopg.errors import InsufficientPrivilege
from task_reader.queries import READ_CHANGES, answer_reads
from task_writer.batches import carry_out
from task_writer.migrate import migrate

from tests.commands import create, delete, replace, toggle
from tests.conftest import Addresses, new_database
from tests.integration.effects import outcomes
from tests.reading import read_list

MAX_CHANGES = 500


async def read_changes(reader: Database, user: UUID, since: int, known: int | None = None) -> Any:
    """The JSON that is answered, the revision alone where it is known, or None."""
    read = Read(user_id=user, since=since, known_revision=known)
    (answer,) = await reader.run(lambda db: answer_reads(db, [read]))
    if answer is None:
        return None
    revision, _, changes = bytes(answer).decode().partition(" ")
    if not changes:
        return int(revision)
    assert json.loads(changes)["revision"] == int(revision)
    return json.loads(changes)


async def latest(writer: Database, *commands: Any) -> int:
    """Carries out a batch; the revision of its last answer."""
    answered = await outcomes(writer, *commands)
    assert {one.status for one in answered} == {"done"}
    return answered[-1].revision or 0


async def as_user(owner: psycopg.AsyncConnection, user: UUID, statement: str) -> int:
    """Runs a statement whose parameter is the user; how many rows it touched."""
    async with owner.transaction():
        await owner.execute("select set_config('app.user_id', %s, true)", [str(user)])
        return (await owner.execute(statement.encode(), [user])).rowcount


async def test_what_was_created_changed_and_deleted_comes_once_and_as_it_is_now(
    writer_database: Database, reader_database: Database
) -> None:
    kept, gone, same = (create(user) for user in [uuid4()] * 3)
    user = kept.user_id
    since = await latest(writer_database, kept, gone, same)
    new = create(user, title="new")
    await latest(writer_database, new, toggle(user, kept.task_id), delete(user, gone.task_id))
    await latest(writer_database, replace(user, kept.task_id, title="now"))
    passing = create(user)
    reached = await latest(writer_database, passing, delete(user, passing.task_id))

    changes = await read_changes(reader_database, user, since)

    listed = json.loads(await read_list(reader_database, user))
    assert changes == {
        "revision": reached,
        "changed": [task for task in listed if task["id"] != str(same.task_id)],
        "deleted": sorted(str(one.task_id) for one in (gone, passing)),
    }
    assert [task["title"] for task in changes["changed"]] == ["new", "now"]


async def test_a_user_who_never_had_a_task_is_at_revision_0(
    writer_database: Database, reader_database: Database
) -> None:
    user = uuid4()
    nothing = {"revision": 0, "changed": [], "deleted": []}
    assert await read_changes(reader_database, user, 0) == nothing
    await outcomes(writer_database, delete(user, uuid4()))
    assert await read_changes(reader_database, user, 0) == nothing

    first = create(user)
    reached = await latest(writer_database, first)

    changes = await read_changes(reader_database, user, 0)
    assert (changes["revision"], [task["id"] for task in changes["changed"]]) == (reached, [str(first.task_id)])


async def test_tasks_from_before_there_were_revisions_have_one_without_a_row(
    reader_database: Database, writer_database: Database, same_moment: list[UUID], owner: psycopg.AsyncConnection
) -> None:
    user, *ids = same_moment
    await as_user(owner, user, "update tasks set revision = 1000 where user_id = %s")

    assert await read_changes(reader_database, user, 1000) == {"revision": 1000, "changed": [], "deleted": []}
    assert await read_changes(reader_database, user, 0) is None

    reached = await latest(writer_database, toggle(user, ids[0]))
    changes = await read_changes(reader_database, user, 1000)
    assert (changes["revision"], [task["id"] for task in changes["changed"]]) == (reached, [str(ids[0])])


async def test_the_revision_that_is_known_comes_alone(writer_database: Database, reader_database: Database) -> None:
    task = create()
    since = await latest(writer_database, task)
    reached = await latest(writer_database, toggle(task.user_id, task.task_id))

    assert await read_changes(reader_database, task.user_id, since, known=reached) == reached
    assert await read_changes(reader_database, task.user_id, reached, known=reached) == reached
    assert await read_changes(reader_database, task.user_id, since + 1, known=reached) is None


@pytest.fixture
async def history(writer_database: Database) -> tuple[UUID, list[int]]:
    """A user and the revisions of ten changes, each in a transaction of its own."""
    task = create()
    revisions = [await latest(writer_database, task)]
    revisions += [await latest(writer_database, toggle(task.user_id, task.task_id)) for _ in range(9)]
    return task.user_id, revisions


async def test_every_revision_of_the_user_has_changes_and_no_other_number(
    reader_database: Database, history: tuple[UUID, list[int]]
) -> None:
    user, revisions = history
    known = [0, *revisions]

    told = [await read_changes(reader_database, user, since) for since in known]
    others = {number for one in known for number in (one - 1, one + 1) if number >= 0} - {*known}
    not_told = [await read_changes(reader_database, user, number) for number in (*others, 2**63 - 1)]

    assert [one["revision"] for one in told] == [revisions[-1]] * len(known)
    assert [len(one["changed"]) for one in told] == [1] * len(revisions) + [0]
    assert not_told == [None] * (len(others) + 1)


async def test_a_revision_of_another_user_is_unknown(
    reader_database: Database, history: tuple[UUID, list[int]], writer_database: Database
) -> None:
    (_, revisions), mine = history, create()
    await latest(writer_database, mine)

    told = [await read_changes(reader_database, mine.user_id, since) for since in revisions]

    assert told == [None] * len(revisions)


@pytest.mark.parametrize("missing", range(10))
async def test_a_record_that_is_gone_makes_every_revision_before_it_unknown(
    reader_database: Database, owner: psycopg.AsyncConnection, history: tuple[UUID, list[int]], missing: int
) -> None:
    user, revisions = history
    statement = f"delete from command_log where user_id = %s and revision = {revisions[missing]}"  # noqa: S608
    assert await as_user(owner, user, statement) == 1

    told = [await read_changes(reader_database, user, since) for since in (0, *revisions)]

    assert [one is not None for one in told] == [False] * (missing + 1) + [True] * (10 - missing)


async def test_a_log_that_was_forgotten_knows_the_latest_revision_alone(
    reader_database: Database, owner: psycopg.AsyncConnection, history: tuple[UUID, list[int]]
) -> None:
    user, revisions = history
    await as_user(owner, user, "delete from command_log where user_id = %s")

    told = [await read_changes(reader_database, user, since) for since in (0, *revisions)]

    assert [one is not None for one in told] == [False] * 10 + [True]


async def test_a_database_that_was_set_back_does_not_know_what_it_has_lost(
    reader_database: Database,
    writer_database: Database,
    owner: psycopg.AsyncConnection,
    history: tuple[UUID, list[int]],
) -> None:
    user, revisions = history
    back = revisions[5]
    for statement in (
        f"delete from command_log where user_id = %s and revision > {back}",  # noqa: S608
        f"update user_revisions set revision = {back} where user_id = %s",  # noqa: S608
        f"update tasks set revision = {back} where user_id = %s",  # noqa: S608
    ):
        assert await as_user(owner, user, statement) > 0
    reached = await latest(writer_database, create(user))

    told = [await read_changes(reader_database, user, since) for since in revisions]

    assert [one and one["revision"] for one in told] == [reached] * 6 + [None] * 4


@pytest.mark.parametrize("count", [MAX_CHANGES, MAX_CHANGES + 1])
async def test_more_than_500_changes_are_not_told(
    writer_database: Database, reader_database: Database, count: int
) -> None:
    user = uuid4()
    since = await latest(writer_database, create(user))
    commands = [create(user) for _ in range(count)]
    reached = max([await latest(writer_database, *commands[begin : begin + 100]) for begin in range(0, count, 100)])

    changes = await read_changes(reader_database, user, since)

    if count > MAX_CHANGES:
        assert changes is None
    else:
        assert changes["revision"] == reached
        assert {task["id"] for task in changes["changed"]} == {str(one.task_id) for one in commands}


async def test_changes_of_a_moment_are_never_parts_of_a_transaction(
    writer_database: Database, reader_database: Database
) -> None:
    """Each transaction sets two tasks alike: a reader who sees them differ has seen half of it."""
    user = uuid4()
    one, other = create(user), create(user)
    since = await latest(writer_database, one, other)
    ended = asyncio.Event()

    async def write() -> None:
        for number in range(60):
            done = bool(number % 2)
            await carry_out(
                writer_database, [toggle(user, task.task_id, is_completed=not done) for task in (one, other)]
            )
        ended.set()

    writing = asyncio.create_task(write())
    copy = {str(task.task_id): task.is_completed for task in (one, other)}
    syncs = 0
    while not ended.is_set() or syncs < 3:
        changes = await read_changes(reader_database, user, since)
        copy |= {task["id"]: task["is_completed"] for task in changes["changed"]}
        assert len(set(copy.values())) == 1
        since, syncs = changes["revision"], syncs + 1
    await writing


async def test_the_reader_sees_of_the_log_what_the_chain_needs_and_of_one_user(
    addresses: Addresses, history: tuple[UUID, list[int]]
) -> None:
    user, revisions = history
    async with await psycopg.AsyncConnection.connect(addresses.reader, autocommit=True) as reader:
        await reader.execute("select set_config('app.housekeeping', 'on', false)")
        before = await (
            await reader.execute("select count(*) from (select revision from command_log) as log")
        ).fetchone()
        await reader.execute("select set_config('app.user_id', %s, false)", [str(user)])
        mine = await (await reader.execute("select distinct user_id from command_log")).fetchall()
        for column in ("command_id", "fingerprint", "status", "task", "recorded_at"):
            with pytest.raises(InsufficientPrivilege):
                await reader.execute(sql.SQL("select {} from command_log").format(sql.Identifier(column)))

    assert revisions
    assert (before, mine) == ((0,), [(user,)])


PLANS = {
    "timezone": "UTC",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
    "auto_explain.log_format": "json",
    "auto_explain.log_level": "notice",
    "client_min_messages": "notice",
}


@pytest.fixture(scope="module")
async def large(postgres: Postgres) -> AsyncIterator[tuple[psycopg.AsyncConnection, CreateTask, int]]:
    """A superuser in the reader's role on a database where one user has 20,000 tasks and as many records, and 2,000
    others have ten each; a task of that user, and the revision before the latest ten changes."""
    own = Addresses.of(await new_database(postgres, f"changes_{uuid4().hex}"))
    migrate(own.migration_settings())
    url = postgres.superuser_url.rpartition("/")[0] + "/" + own.owner.rpartition("/")[2]
    user = uuid4()
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as admin:
        await admin.execute(
            """
            with made as (
              insert into tasks (id, title, created_at, user_id, revision)
              select gen_random_uuid(), 'x', timestamptz '2026-01-01Z' + n * interval '1 s',
                case when n <= 20000 then %s else md5(mod(n, 2000)::text)::uuid end, n
              from generate_series(1, 40000) as n
              returning id, user_id, revision
            ), logged as (
              insert into command_log (command_id, user_id, fingerprint, status, revision, previous, task_id)
              select id, user_id, '', 'done', revision, lag(revision, 1, 0::bigint) over of_user, id from made
              window of_user as (partition by user_id order by revision)
            )
            insert into user_revisions (user_id, revision, previous)
            select user_id, max(revision), 0 from made group by user_id
            """,
            [user],
        )
        await admin.execute("vacuum analyze")
        row = await (await admin.execute("select id from tasks where revision = 19000")).fetchone()
        assert row is not None
        await admin.execute("load 'auto_explain'")
        for name, value in PLANS.items():
            await admin.execute(sql.SQL("set {} = {}").format(sql.SQL(name), sql.Literal(value)))
        await admin.execute("set role taskwire_reader")
        yield admin, create(user, title="x"), 20_000 - 10


EMPTY_SLOTS = [(f"idx_command_log_{slot}_change", 0) for slot in range(4)]
"""By their indexes too, although they were analyzed when they were empty, and are planned for as such."""


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)


async def accesses(
    admin: psycopg.AsyncConnection, user: UUID, since: int, known: int | None = None
) -> tuple[str | None, list[tuple[str, float]]]:
    """The answer, and each access to a table that took place: its index and how many rows it has read."""
    told: list[str] = []
    admin.add_notice_handler(handler := lambda notice: told.append(notice.message_primary or ""))
    values = {"user_id": user, "since": since, "known_revision": known}
    row = await (await admin.execute(b"select " + READ_CHANGES.encode(), values)).fetchone()
    admin.remove_notice_handler(handler)
    plans = [json.loads(text.partition("plan:\n")[2])["Plan"] for text in told if "command_log" in text]
    ran = [node for plan in plans for node in nodes(plan) if node["Actual Loops"] > 0 and "Relation Name" in node]
    assert row is not None
    return row[0], sorted(
        (node.get("Index Name", node["Node Type"]), node["Actual Rows"] * node["Actual Loops"]) for node in ran
    )


async def test_a_delta_reads_its_records_and_their_tasks_by_their_indexes(
    large: tuple[psycopg.AsyncConnection, CreateTask, int],
) -> None:
    admin, task, since = large

    answer, ran = await accesses(admin, task.user_id, since)

    assert len(json.loads((answer or "").partition(" ")[2])["changed"]) == 10
    assert ran == [*EMPTY_SLOTS, ("idx_command_log_change", 10), ("tasks_pkey", 10), ("user_revisions_pkey", 1)]


async def test_what_has_not_changed_costs_two_looks_into_indexes(
    large: tuple[psycopg.AsyncConnection, CreateTask, int],
) -> None:
    admin, task, _ = large

    answer, ran = await accesses(admin, task.user_id, 20_000)

    assert answer == '20000 {"revision": 20000, "changed": [], "deleted": []}'
    assert ran == [*EMPTY_SLOTS, ("idx_command_log_change", 0), ("user_revisions_pkey", 1)]


@pytest.mark.parametrize(("since", "records"), [(0, MAX_CHANGES + 1), (19_995, 5)])
async def test_where_nothing_is_told_no_task_is_looked_at(
    large: tuple[psycopg.AsyncConnection, CreateTask, int], since: int, records: int
) -> None:
    admin, task, _ = large
    known = 20_000 if since else None

    answer, ran = await accesses(admin, task.user_id, since, known)

    assert answer == ("20000" if known else None)
    assert ran == [*EMPTY_SLOTS, ("idx_command_log_change", records), ("user_revisions_pkey", 1)]

"""Revisions on a real PostgreSQL: each change moves its user's, nothing else does, and the log chains them (ADR 18)."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from uuid import UUID, uuid4

import psycopg
import pytest
from common.contracts.commands import AnyCommand, Command, CreateTask, Precondition
from common.contracts.outcomes import Outcome
from common.contracts.reads import Read
from common.contracts.revised import Revised, split
from common.postgres.database import Database, open_database
from task_reader.queries import answer_reads
from task_writer.batches import EXPIRED, carry_out

from tests.commands import create, delete, keyed, patch, replace, toggle
from tests.conftest import Addresses, writer_settings
from tests.integration.effects import outcomes, replay_of
from tests.integration.locks import Locks
from tests.waiting import eventually


@dataclass(frozen=True)
class Change:
    """A record of the command log that says that something was changed."""

    revision: int
    previous: int
    task_id: UUID


class Users:
    """What is stored of a user's revisions, as the owner of the tables sees it."""

    def __init__(self, owner: psycopg.AsyncConnection) -> None:
        self._owner = owner

    async def _rows(self, user: UUID, sql: str) -> list[tuple[object, ...]]:
        async with self._owner.transaction():
            await self._owner.execute("select set_config('app.user_id', %s, true)", [str(user)])
            return await (await self._owner.execute(sql.encode(), [user])).fetchall()

    async def revision(self, user: UUID) -> object:
        """The stored one; None without a row."""
        rows = await self._rows(user, "select revision from user_revisions where user_id = %s")
        return rows[0][0] if rows else None

    async def tasks(self, user: UUID) -> dict[object, object]:
        """The revision of each task."""
        return dict(await self._rows(user, "select id, revision from tasks where user_id = %s"))  # type: ignore[arg-type]

    async def changes(self, user: UUID) -> list[Change]:
        """In the order of their revisions."""
        sql = (
            "select revision, previous, task_id from command_log where user_id = %s and previous is not null order by 1"
        )
        return [Change(*row) for row in await self._rows(user, sql)]  # type: ignore[arg-type]

    async def make(self, user: UUID, sql: str) -> None:
        """Runs a statement whose parameter is the user."""
        async with self._owner.transaction():
            await self._owner.execute("select set_config('app.user_id', %s, true)", [str(user)])
            await self._owner.execute(sql.encode(), [user])


@pytest.fixture
def users(owner: psycopg.AsyncConnection) -> Users:
    return Users(owner)


@pytest.fixture
async def other_writer(addresses: Addresses) -> AsyncIterator[Database]:
    """The database as a second task-writer sees it, over connections of its own."""
    settings = writer_settings(addresses)
    async with open_database(settings.writer_database_url, settings) as database:
        yield database


async def made(writer: Database, **more: object) -> tuple[CreateTask, Outcome]:
    """A new task and the answer to its creation."""
    command = create(**more)  # type: ignore[arg-type]
    (outcome,) = await outcomes(writer, command)
    return command, outcome


def expecting[OneCommand: Command](command: OneCommand, **precondition: list[int]) -> OneCommand:
    """The command with a precondition."""
    return command.model_copy(update={"precondition": Precondition.model_validate(precondition)})


async def test_each_change_has_a_revision_of_its_own_and_follows_the_one_before(
    writer_database: Database, users: Users
) -> None:
    task = create()
    user, others = task.user_id, [create(task.user_id) for _ in range(2)]
    batches: list[list[AnyCommand]] = [
        [task], [replace(user, task.task_id), *others], [toggle(user, task.task_id)], [delete(user, task.task_id)]
    ]  # fmt: skip

    answers = [answer for batch in batches for answer in await outcomes(writer_database, *batch)]

    revisions = [answer.revision or 0 for answer in answers]
    changed = [command.task_id for batch in batches for command in batch]
    assert revisions == sorted(set(revisions))
    assert await users.changes(user) == [Change(*one) for one in zip(revisions, [0, *revisions], changed, strict=False)]
    assert await users.revision(user) == revisions[-1]
    assert await users.tasks(user) == {one.task_id: answers[2 + place].revision for place, one in enumerate(others)}


async def test_a_long_batch_of_one_user_is_one_chain(writer_database: Database, users: Users) -> None:
    task = create()
    flips = [toggle(task.user_id, task.task_id) for _ in range(299)]

    answers = await outcomes(writer_database, task, *flips)

    changes = await users.changes(task.user_id)
    assert [one.previous for one in changes] == [0, *(answer.revision for answer in answers[:-1])]
    assert await users.revision(task.user_id) == answers[-1].revision
    assert await users.tasks(task.user_id) == {task.task_id: answers[-1].revision}


async def test_users_of_a_batch_have_chains_of_their_own_and_answers_in_their_places(
    writer_database: Database, users: Users
) -> None:
    mine, theirs, third = create(title="mine"), create(title="theirs"), create(title="third")
    flips = [toggle(one.user_id, one.task_id) for one in (theirs, mine, third, mine, theirs)]

    answers = await outcomes(writer_database, mine, theirs, third, *flips)

    titles = [json.loads(answer.task or "")["title"] for answer in answers]
    assert titles == ["mine", "theirs", "third", "theirs", "mine", "third", "mine", "theirs"]
    for command, places in ((mine, (0, 4, 6)), (theirs, (1, 3, 7)), (third, (2, 5))):
        revisions = [answers[place].revision for place in places]
        assert [one.revision for one in await users.changes(command.user_id)] == revisions
        assert await users.revision(command.user_id) == revisions[-1]


async def test_a_revision_is_at_the_clock_and_past_what_was_there(writer_database: Database, users: Users) -> None:
    began = int(time.time() * 1e6)
    task, first = await made(writer_database)
    ahead = 4_102_444_800_000_000
    await users.make(task.user_id, f"update user_revisions set revision = {ahead} where user_id = %s")  # noqa: S608

    (second,) = await outcomes(writer_database, toggle(task.user_id, task.task_id))

    assert first.revision is not None
    assert began <= first.revision <= int(time.time() * 1e6)
    assert second.revision == ahead + 1


NOTHING_CHANGED: dict[str, Callable[[CreateTask, int], AnyCommand]] = {
    "not found": lambda task, _: toggle(task.user_id, uuid4()),
    "deleted before": lambda task, _: delete(task.user_id, uuid4()),
    "completed as it is": lambda task, _: toggle(task.user_id, task.task_id, is_completed=False),
    "patched with nothing": lambda task, _: patch(task.user_id, task.task_id, changes={}),
    "patched with the same": lambda task, _: patch(
        task.user_id, task.task_id, changes={"title": task.title, "description": None, "is_completed": False}
    ),
    "replaced by the same": lambda task, _: replace(task.user_id, task.task_id, title=task.title),
    "expired": lambda task, _: toggle(task.user_id, task.task_id, expires_in_s=-0.001),
    "recorded": lambda task, _: task,
    "key reused": lambda task, _: keyed(delete(task.user_id, task.task_id), task.command_id),
    "precondition failed": lambda task, now: expecting(toggle(task.user_id, task.task_id), if_match=[now - 1]),
}


@pytest.mark.parametrize("case", NOTHING_CHANGED)
async def test_what_changes_nothing_moves_nothing(writer_database: Database, users: Users, case: str) -> None:
    task, first = await made(writer_database)
    assert first.revision is not None
    before = await users.tasks(task.user_id), await users.revision(task.user_id), await users.changes(task.user_id)

    await outcomes(writer_database, NOTHING_CHANGED[case](task, first.revision), redelivered=case == "recorded")

    after = await users.tasks(task.user_id), await users.revision(task.user_id), await users.changes(task.user_id)
    assert after == before == ({task.task_id: first.revision}, first.revision, before[2])


async def test_between_changes_what_changes_nothing_leaves_no_gap(writer_database: Database, users: Users) -> None:
    task = create()
    user, task_id = task.user_id, task.task_id

    answers = await outcomes(
        writer_database, toggle(user, uuid4()), task, toggle(user, task_id, is_completed=False), toggle(user, task_id),
        delete(user, uuid4()),
    )  # fmt: skip

    assert [answer.revision is None for answer in answers] == [True, False, False, False, True]
    assert answers[2].revision == answers[1].revision
    assert [one.previous for one in await users.changes(user)] == [0, answers[1].revision]
    assert await users.revision(user) == answers[3].revision


@pytest.mark.parametrize("make", [toggle, replace])
async def test_a_write_that_changes_nothing_shows_the_task_and_its_revision(
    writer_database: Database, make: Callable[..., AnyCommand]
) -> None:
    task, first = await made(writer_database)
    same = {"is_completed": False} if make is toggle else {"title": task.title}

    (answer,) = await outcomes(writer_database, make(task.user_id, task.task_id, **same))

    assert (answer.status, answer.task, answer.revision) == ("done", first.task, first.revision)


async def test_a_replay_has_the_revision_that_was_recorded(writer_database: Database) -> None:
    task, _ = await made(writer_database)
    flip = keyed(toggle(task.user_id, task.task_id))
    (before,) = await outcomes(writer_database, flip)
    await outcomes(writer_database, toggle(task.user_id, task.task_id))

    (after,) = await outcomes(writer_database, flip)

    assert after == replay_of(before)
    assert after.revision is not None


async def test_a_record_from_before_there_were_revisions_is_replayed_without_one(
    writer_database: Database, users: Users
) -> None:
    task = keyed(create())
    await outcomes(writer_database, task)
    clear = "update command_log set revision = null, previous = null, task_id = null where user_id = %s"
    await users.make(task.user_id, clear)

    (answer,) = await outcomes(writer_database, task)

    assert (answer.status, answer.replayed, answer.revision) == ("done", True, None)


async def test_the_first_change_of_tasks_that_were_there_before_follows_their_revision(
    writer_database: Database, users: Users
) -> None:
    user, task_id = uuid4(), uuid4()
    await users.make(user, f"insert into tasks (id, title, user_id, revision) values ('{task_id}', 'x', %s, 7)")  # noqa: S608

    same, changed = await outcomes(writer_database, toggle(user, task_id, is_completed=False), toggle(user, task_id))

    assert same.revision == 7
    assert await users.changes(user) == [Change(changed.revision or 0, 7, task_id)]


async def test_writers_that_share_users_in_other_orders_wait_for_each_other_and_never_deadlock(
    writer_database: Database, other_writer: Database, users: Users, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    tasks = [create() for _ in range(8)]
    await outcomes(writer_database, *tasks)

    def flips() -> list[AnyCommand]:
        return [toggle(task.user_id, task.task_id) for task in tasks]

    rounds = await asyncio.gather(
        *(outcomes(writer_database, *flips()) for _ in range(10)),
        *(outcomes(other_writer, *reversed(flips())) for _ in range(10)),
    )

    assert "one by one" not in caplog.text
    assert {answer.status for answers in rounds for answer in answers} == {"done"}
    for task in tasks:
        changes = await users.changes(task.user_id)
        assert len(changes) == 21
        assert [one.previous for one in changes] == [0, *(one.revision for one in changes[:-1])]
        assert changes[-1].revision == await users.revision(task.user_id)


async def test_writers_that_meet_at_a_new_user_make_one_chain(
    writer_database: Database, other_writer: Database, users: Users
) -> None:
    for _ in range(20):
        user = uuid4()

        await asyncio.gather(*(outcomes(one, create(user)) for one in (writer_database, other_writer) * 2))

        changes = await users.changes(user)
        assert [one.previous for one in changes] == [0, *(one.revision for one in changes[:-1])]
        assert await users.revision(user) == changes[-1].revision


async def test_a_deadline_that_passes_while_another_change_of_the_user_goes_on_is_kept(
    writer_database: Database, other_writer: Database, locks: Locks
) -> None:
    task, _ = await made(writer_database)
    late = create(task.user_id, expires_in_s=0.4)

    async def is_past() -> bool:
        return late.seconds_left() <= 0

    async with locks.held(task) as blocker:
        first = asyncio.create_task(outcomes(writer_database, toggle(task.user_id, task.task_id)))
        await locks.awaited(by=1)
        second = asyncio.create_task(outcomes(other_writer, late))
        await locks.awaited(by=2)
        await eventually(is_past)
        await blocker.rollback()

    assert [answer.status for answer in await first] == ["done"]
    assert await second == [EXPIRED]


HOLDS: dict[str, Callable[[int], dict[str, list[int]]]] = {
    "the revision": lambda now: {"if_match": [now]},
    "one of several": lambda now: {"if_match": [now - 1, now, 5]},
    "none of others": lambda now: {"if_none_match": [now - 1, now + 1]},
    "none of none": lambda _: {"if_none_match": []},
    "both": lambda now: {"if_match": [now], "if_none_match": [now - 1]},
    "nothing": lambda _: {},
}
FAILS: dict[str, Callable[[int], dict[str, list[int]]]] = {
    "an older one": lambda now: {"if_match": [now - 1]},
    "a newer one": lambda now: {"if_match": [now + 1]},
    "several others": lambda now: {"if_match": [now - 1, now + 1]},
    "never": lambda _: {"if_match": []},
    "none of several with it": lambda now: {"if_none_match": [1, now]},
    "the second of both": lambda now: {"if_match": [now], "if_none_match": [now]},
}
WRITES: dict[str, Callable[[CreateTask], AnyCommand]] = {
    "replace": lambda task: replace(task.user_id, task.task_id),
    "patch": lambda task: patch(task.user_id, task.task_id),
    "toggle": lambda task: toggle(task.user_id, task.task_id),
    "delete": lambda task: delete(task.user_id, task.task_id),
    "create": lambda task: create(task.user_id),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("precondition", HOLDS)
async def test_a_write_whose_precondition_holds_is_carried_out(
    writer_database: Database, write: str, precondition: str
) -> None:
    task, first = await made(writer_database)

    (answer,) = await outcomes(
        writer_database, expecting(WRITES[write](task), **HOLDS[precondition](first.revision or 0))
    )

    assert answer.status == "done"
    assert (answer.revision or 0) > (first.revision or 0)


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("precondition", FAILS)
async def test_a_write_whose_precondition_fails_does_nothing_and_is_told_the_revision(
    writer_database: Database, users: Users, write: str, precondition: str
) -> None:
    task, first = await made(writer_database)

    (answer,) = await outcomes(
        writer_database, expecting(WRITES[write](task), **FAILS[precondition](first.revision or 0))
    )

    assert answer == Outcome(status="precondition_failed", revision=first.revision)
    assert await users.tasks(task.user_id) == {task.task_id: first.revision}


@pytest.mark.parametrize("write", [name for name in WRITES if name != "create"])
@pytest.mark.parametrize("precondition", [{"if_match": [1]}, {"if_match": []}, {"if_none_match": [1]}])
async def test_a_missing_task_comes_before_a_precondition(
    writer_database: Database, write: str, precondition: dict[str, list[int]]
) -> None:
    (answer,) = await outcomes(writer_database, expecting(WRITES[write](create()), **precondition))

    assert answer == Outcome(status="not_found")


async def test_a_record_comes_before_a_precondition(writer_database: Database) -> None:
    task, first = await made(writer_database)
    flip = keyed(expecting(toggle(task.user_id, task.task_id), if_match=[first.revision or 0]))
    (before,) = await outcomes(writer_database, flip)

    (after,) = await outcomes(writer_database, flip)

    assert (before.status, after) == ("done", replay_of(before))


async def test_a_failed_precondition_is_recorded(writer_database: Database) -> None:
    task, first = await made(writer_database)
    stale = keyed(expecting(toggle(task.user_id, task.task_id), if_match=[1]))
    (before,) = await outcomes(writer_database, stale)
    await outcomes(writer_database, toggle(task.user_id, task.task_id))

    (after,) = await outcomes(writer_database, stale)

    assert before == Outcome(status="precondition_failed", revision=first.revision)
    assert after == replay_of(before)


async def test_another_precondition_under_the_same_key_is_another_request(writer_database: Database) -> None:
    task, first = await made(writer_database)
    flip = keyed(expecting(toggle(task.user_id, task.task_id), if_match=[first.revision or 0]))
    await outcomes(writer_database, flip)

    answers = [
        *await outcomes(writer_database, expecting(flip, if_match=[1])),
        *await outcomes(writer_database, flip.model_copy(update={"precondition": None})),
    ]

    assert [answer.status for answer in answers] == ["key_reused", "key_reused"]


async def test_of_writes_that_expect_the_same_revision_one_is_carried_out(
    writer_database: Database, other_writer: Database
) -> None:
    task, first = await made(writer_database)
    writes = [
        expecting(replace(task.user_id, task.task_id, title=str(number)), if_match=[first.revision or 0])
        for number in range(20)
    ]

    answers = await asyncio.gather(
        *(outcomes((writer_database, other_writer)[place % 2], one) for place, one in enumerate(writes))
    )

    statuses = sorted(answer.status for (answer,) in answers)
    assert statuses == ["done", *["precondition_failed"] * 19]


async def test_a_precondition_that_fails_in_a_batch_harms_no_neighbour(writer_database: Database) -> None:
    task, _ = await made(writer_database)
    stale = expecting(delete(task.user_id, task.task_id), if_match=[1])

    answered = await carry_out(writer_database, [create(), stale, toggle(task.user_id, task.task_id)])

    assert [one.outcome.status for one in answered] == ["done", "precondition_failed", "done"]
    assert [one.poison for one in answered] == [None] * 3


async def read(reader: Database, *wanted: Read) -> list[Revised | None]:
    answers = await reader.run(lambda db: answer_reads(db, wanted))
    return [None if answer is None else split(memoryview(answer)) for answer in answers]


async def test_a_read_tells_the_revision_of_the_task_and_a_list_that_of_the_user(
    writer_database: Database, reader_database: Database
) -> None:
    first, made_first = await made(writer_database)
    _, made_second = await made(writer_database, user_id=first.user_id)

    found, listed = await read(
        reader_database, Read(user_id=first.user_id, task_id=first.task_id), Read(user_id=first.user_id)
    )

    assert found == Revised(made_first.revision, memoryview((made_first.task or "").encode()))
    assert listed is not None
    assert listed.body is not None
    assert listed.revision == made_second.revision
    assert json.loads(bytes(listed.body)) == [json.loads(one.task or "") for one in (made_second, made_first)]


async def test_at_a_known_revision_a_read_tells_nothing_else(
    writer_database: Database, reader_database: Database
) -> None:
    task, first = await made(writer_database)
    known = first.revision or 0
    of_both = [{"task_id": task.task_id}, {}]

    same = await read(reader_database, *(Read(user_id=task.user_id, known_revision=known, **one) for one in of_both))
    others = await read(
        reader_database, *(Read(user_id=task.user_id, known_revision=known - 1, **one) for one in of_both)
    )

    assert same == [Revised(known, None)] * 2
    assert [other and (other.revision, other.body is None) for other in others] == [(known, False)] * 2


async def test_a_user_without_a_row_is_read_at_the_revision_of_any_task_or_at_0(
    reader_database: Database, users: Users
) -> None:
    user, nobody = uuid4(), uuid4()
    for _ in range(2):
        await users.make(
            user, "insert into tasks (id, title, user_id, revision) values (gen_random_uuid(), 'x', %s, 7)"
        )

    listed, known, empty = await read(
        reader_database, Read(user_id=user), Read(user_id=user, known_revision=7), Read(user_id=nobody)
    )

    assert listed is not None
    assert (listed.revision, known, empty) == (7, Revised(7, None), Revised(0, memoryview(b"[]")))


async def test_a_deleted_task_moves_the_list_and_is_not_found(
    writer_database: Database, reader_database: Database
) -> None:
    task, first = await made(writer_database)
    (gone,) = await outcomes(writer_database, delete(task.user_id, task.task_id))

    found, listed = await read(
        reader_database,
        Read(user_id=task.user_id, task_id=task.task_id, known_revision=first.revision),
        Read(user_id=task.user_id, known_revision=first.revision),
    )

    assert (found, listed) == (None, Revised(gone.revision, memoryview(b"[]")))


async def test_while_writers_change_a_list_its_revision_is_always_that_of_its_tasks(
    writer_database: Database, reader_database: Database
) -> None:
    """The last task of the list is the last change, whose revision the writer answered."""
    user = uuid4()
    seen: dict[int, int] = {}

    async def write() -> dict[int, int]:
        answers = [(await outcomes(writer_database, create(user)))[0].revision or 0 for _ in range(100)]
        return {revision: count for count, revision in enumerate(answers, start=1)}

    writing = asyncio.create_task(write())
    while not writing.done():
        (listed,) = await read(reader_database, Read(user_id=user))
        assert listed is not None
        assert listed.revision is not None
        assert listed.body is not None
        seen[listed.revision] = len(json.loads(bytes(listed.body)))

    lengths = {0: 0, **await writing}
    assert len(seen) > 1
    assert {revision: lengths[revision] for revision in seen} == seen

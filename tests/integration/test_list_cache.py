"""Lists from memory on a real PostgreSQL: the same as from there, and never stale."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from common.contracts.commands import AnyCommand
from common.contracts.reads import Page, Read
from common.contracts.revised import split
from common.postgres.database import Database
from prometheus_client import REGISTRY
from pydantic import SecretStr
from task_reader.app import create_app
from task_reader.cached_reads import answer_cached
from task_reader.list_cache import ENTRY_BYTES, ListCache
from task_reader.queries import answer_reads
from task_reader.settings import ReaderSettings

from tests.commands import create, delete, patch, replace, toggle
from tests.conftest import Addresses
from tests.integration.effects import outcomes
from tests.reading import body_of
from tests.serving import serving


class CachingReader:
    """The reads of a task-reader with a cache of its own, and what PostgreSQL answered to each."""

    def __init__(self, database: Database, max_bytes: int = 2**20) -> None:
        self.cache = ListCache(max_bytes)
        self.from_postgres: list[bytes | None] = []
        self._database = database

    async def read(self, *reads: Read) -> list[bytes | None]:
        return await answer_cached(reads, self._ask, self.cache)

    async def list_of(self, user: UUID, known_revision: int | None = None) -> bytes:
        (answer,) = await self.read(Read(user_id=user, known_revision=known_revision))
        assert answer is not None
        return answer

    @property
    def has_rendered(self) -> bool:
        """Whether PostgreSQL rendered JSON for the last read."""
        return b" " in (self.from_postgres[-1] or b"")

    async def _ask(self, reads: Sequence[Read]) -> list[bytes | None]:
        self.from_postgres = await self._database.run(lambda db: answer_reads(db, reads))
        return self.from_postgres


@pytest.fixture
def reader(reader_database: Database) -> CachingReader:
    return CachingReader(reader_database)


async def directly(reader_database: Database, user: UUID) -> bytes:
    """What PostgreSQL answers to one who knows nothing."""
    (answer,) = await reader_database.run(lambda db: answer_reads(db, [Read(user_id=user)]))
    assert answer is not None
    return answer


def revision_of(answer: bytes) -> int:
    revision = split(memoryview(answer)).revision
    assert revision is not None
    return revision


async def a_user(writer: Database, tasks: int = 3) -> tuple[UUID, list[UUID]]:
    """A user with tasks."""
    made = [create(user := uuid4(), title="0")] + [create(user, title=str(number)) for number in range(1, tasks)]
    await outcomes(writer, *made)
    return user, [one.task_id for one in made]


async def test_an_unchanged_list_comes_from_memory_as_postgresql_rendered_it(
    reader: CachingReader, reader_database: Database, writer_database: Database
) -> None:
    user, _ = await a_user(writer_database)

    first = await reader.list_of(user)
    rendered_first = reader.has_rendered
    second = await reader.list_of(user)

    assert (rendered_first, reader.has_rendered) == (True, False)
    assert first == second == await directly(reader_database, user)


async def test_the_empty_list_of_a_user_who_was_never_seen_comes_from_memory_until_the_first_task(
    reader: CachingReader, writer_database: Database
) -> None:
    user = uuid4()

    answers = [await reader.list_of(user) for _ in range(2)]
    rendered_again = reader.has_rendered
    await outcomes(writer_database, create(user, title="first"))

    assert ([body_of(one) for one in answers], rendered_again) == ([b"[]"] * 2, False)
    assert [task["title"] for task in json.loads(body_of(await reader.list_of(user)))] == ["first"]


type Make = Callable[[UUID, UUID], AnyCommand]

CHANGES: dict[str, Make] = {
    "create": lambda user, _: create(user),
    "replace": replace,
    "patch": patch,
    "toggle": toggle,
    "delete": delete,
}
NO_CHANGES: dict[str, Make] = {
    "not found": lambda user, _: delete(user, uuid4()),
    "replaced by the same": lambda user, task: replace(user, task, title="0"),
    "completed as it is": lambda user, task: toggle(user, task, is_completed=False),
    "of another user": lambda _, task: delete(uuid4(), task),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_the_read_after_a_change_has_the_new_list_and_the_one_after_it_comes_from_memory(
    reader: CachingReader, reader_database: Database, writer_database: Database, change: str
) -> None:
    user, (task, *_) = await a_user(writer_database)
    before = await reader.list_of(user)

    (outcome,) = await outcomes(writer_database, CHANGES[change](user, task))

    after = await reader.list_of(user)
    assert revision_of(after) == outcome.revision
    assert body_of(after) != body_of(before)
    assert after == await directly(reader_database, user) == await reader.list_of(user)
    assert not reader.has_rendered


@pytest.mark.parametrize("write", NO_CHANGES)
async def test_a_write_that_changes_nothing_leaves_the_list_in_memory(
    reader: CachingReader, writer_database: Database, write: str
) -> None:
    user, (task, *_) = await a_user(writer_database)
    before = await reader.list_of(user)

    await outcomes(writer_database, NO_CHANGES[write](user, task))

    assert await reader.list_of(user) == before
    assert not reader.has_rendered


async def test_when_all_tasks_are_deleted_the_list_is_empty(reader: CachingReader, writer_database: Database) -> None:
    user, tasks = await a_user(writer_database)
    await reader.list_of(user)

    await outcomes(writer_database, *(delete(user, task) for task in tasks))

    assert [body_of(await reader.list_of(user)) for _ in range(2)] == [b"[]"] * 2


async def test_each_user_has_a_list_of_their_own(
    reader: CachingReader, reader_database: Database, writer_database: Database
) -> None:
    users = [(await a_user(writer_database, tasks))[0] for tasks in (1, 2, 3)] + [uuid4()]
    reads = [Read(user_id=user) for user in users]
    right = [await directly(reader_database, user) for user in users]

    answers = [await reader.read(*reads), await reader.read(*reversed(reads))]

    assert answers == [right, right[::-1]]
    assert [b" " in (one or b"") for one in reader.from_postgres] == [False] * 4


async def test_in_a_batch_each_read_has_its_answer_and_only_whole_lists_are_kept(
    reader: CachingReader, reader_database: Database, writer_database: Database
) -> None:
    user, (task, *_) = await a_user(writer_database)
    other, _ = await a_user(writer_database)
    reads = [
        Read(user_id=user, page=Page(limit=2)), Read(user_id=user), Read(user_id=user, task_id=task),
        Read(user_id=other, task_id=task), Read(user_id=user), Read(user_id=other),
    ]  # fmt: skip
    right = await reader_database.run(lambda db: answer_reads(db, reads))

    answers = [await reader.read(*reads) for _ in range(2)]

    assert answers == [right, right]
    assert [b" " in (one or b"") for one in reader.from_postgres] == [True, False, True, False, False, False]


async def test_a_list_is_answered_even_when_it_is_forgotten_while_postgresql_is_asked(
    reader_database: Database, writer_database: Database
) -> None:
    user, _ = await a_user(writer_database)
    reader = CachingReader(reader_database)
    right = await reader.list_of(user)

    async def ask(reads: Sequence[Read]) -> list[bytes | None]:
        answers = await reader_database.run(lambda db: answer_reads(db, reads))
        reader.cache = ListCache(0)
        return answers

    assert await answer_cached([Read(user_id=user)], ask, reader.cache) == [right]


async def test_who_knows_the_list_gets_the_revision_alone_whatever_is_in_memory(
    reader: CachingReader, reader_database: Database, writer_database: Database
) -> None:
    user, (task, *_) = await a_user(writer_database)
    old = revision_of(await reader.list_of(user))
    same = await reader.list_of(user, known_revision=old)
    await outcomes(writer_database, toggle(user, task))
    new = revision_of(await directly(reader_database, user))

    newer_than_memory = await reader.list_of(user, known_revision=new)

    assert (same, newer_than_memory) == (str(old).encode(), str(new).encode())
    assert not reader.has_rendered


@pytest.mark.parametrize("by", [-1, 1, 10**9])
async def test_who_knows_another_list_gets_this_one(
    reader: CachingReader, reader_database: Database, writer_database: Database, by: int
) -> None:
    user, _ = await a_user(writer_database)
    right = await reader.list_of(user)

    answer = await reader.list_of(user, known_revision=revision_of(right) + by)

    assert answer == right
    assert reader.has_rendered == (by > 0)  # the client may have seen what this reader has not


async def test_a_database_that_lost_changes_is_believed(
    owner: psycopg.AsyncConnection, reader: CachingReader, reader_database: Database, writer_database: Database
) -> None:
    user, (task, *_) = await a_user(writer_database)
    revision = revision_of(await reader.list_of(user))
    await outcomes(writer_database, create(user))
    await reader.list_of(user)

    async with owner.transaction():  # as a backup or a replica that lags has it
        await owner.execute("select set_config('app.user_id', %s, true)", [str(user)])
        await owner.execute("delete from tasks where user_id = %s and id <> %s", [user, task])
        await owner.execute("update user_revisions set revision = %s where user_id = %s", [revision - 1, user])

    answer = await reader.list_of(user)
    assert [task["id"] for task in json.loads(body_of(answer))] == [str(task)]
    assert answer == await directly(reader_database, user) == await reader.list_of(user)


async def test_a_full_cache_answers_as_an_empty_one(reader_database: Database, writer_database: Database) -> None:
    users = [(await a_user(writer_database, 1))[0] for _ in range(12)]
    size = len(await directly(reader_database, users[0])) + ENTRY_BYTES
    reader = CachingReader(reader_database, max_bytes=9 * size)
    reads = [Read(user_id=user) for user in users]
    right = [await directly(reader_database, user) for user in users]

    answers = [await reader.read(*reads) for _ in range(3)]

    assert answers == [right] * 3
    assert 0 < reader.cache.bytes <= 9 * size


class History:
    """The changes of a user that were acknowledged, and the list at each revision that follows from them."""

    def __init__(self) -> None:
        self.newest = 0
        self._changes: dict[int, tuple[str, dict[str, Any] | None]] = {}

    async def carry_out(self, writer: Database, command: AnyCommand) -> None:
        (outcome,) = await outcomes(writer, command)
        assert outcome.status == "done"
        assert outcome.revision is not None
        task = None if command.type == "delete_task" else json.loads(outcome.task or "")
        self._changes[outcome.revision] = (str(command.task_id), task)
        self.newest = max(self.newest, outcome.revision)

    def lists(self) -> dict[int, list[dict[str, Any]]]:
        tasks, lists = dict[str, dict[str, Any]](), {0: list[dict[str, Any]]()}
        for revision, (task_id, task) in sorted(self._changes.items()):
            tasks.pop(task_id, None)
            if task is not None:
                tasks[task_id] = task
            lists[revision] = sorted(tasks.values(), key=lambda one: (one["created_at"], one["id"]), reverse=True)
        return lists


async def writes(history: History, writer: Database, user: UUID) -> None:
    for number in range(30):
        made = create(user, title=str(number))
        for command in (made, toggle(user, made.task_id), replace(user, made.task_id), delete(user, made.task_id)):
            if number % 3 or command.type != "delete_task":
                await history.carry_out(writer, command)


async def test_no_list_is_stale_and_each_is_that_of_its_revision_while_four_writers_change_it(
    reader: CachingReader, reader_database: Database, writer_database: Database
) -> None:
    user, history = uuid4(), History()
    seen: list[tuple[int, bytes]] = []
    before = cache_reads()

    async def look() -> None:
        while not writing.done():
            at_least = history.newest
            seen.append((at_least, await reader.list_of(user)))

    writing = asyncio.gather(*(writes(history, writer_database, user) for _ in range(4)))
    await asyncio.gather(writing, *(look() for _ in range(3)))

    lists, (hits, misses) = history.lists(), cache_reads()
    assert hits > before[0]
    assert misses > before[1]
    for at_least, answer in seen:
        assert revision_of(answer) >= at_least
        assert json.loads(body_of(answer)) == lists[revision_of(answer)]
    assert await reader.list_of(user) == await directly(reader_database, user)


def cache_reads() -> tuple[float, float]:
    """The lists that came from memory so far, and those that did not."""
    hits, misses = (
        REGISTRY.get_sample_value("taskwire_list_cache_reads_total", {"result": result}) for result in ("hit", "miss")
    )
    assert hits is not None
    assert misses is not None
    return hits, misses


@pytest.mark.parametrize(("max_bytes", "hits"), [(2**20, 2), (0, 0)])
async def test_a_task_reader_counts_what_its_cache_does_and_has_none_when_it_is_off(
    addresses: Addresses, reader_database: Database, writer_database: Database, max_bytes: int, hits: int
) -> None:
    user, _ = await a_user(writer_database)
    right = await directly(reader_database, user)
    settings = ReaderSettings(reader_database_url=SecretStr(addresses.reader), port=0, list_cache_bytes=max_bytes)
    before = cache_reads()

    async with serving(create_app(settings)) as reader:
        answers = [await reader.ask("GET", f"/api/{user}/tasks") for _ in range(3)]
        kept_bytes = REGISTRY.get_sample_value("taskwire_list_cache_bytes")

    assert [answer.body for answer in answers] == [body_of(right)] * 3
    assert cache_reads() == (before[0] + hits, before[1] + 3 - hits)
    assert kept_bytes == (len(right) + ENTRY_BYTES if max_bytes else 0)

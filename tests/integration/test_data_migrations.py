"""A migration that changes tasks as CONTRIBUTING.md has it: no client keeps what was there before."""

import re
from pathlib import Path
from textwrap import dedent
from uuid import UUID, uuid4

import psycopg
from common.contracts.reads import Read
from common.contracts.revised import split
from common.postgres.database import Database
from task_reader.queries import answer_reads

from tests.commands import create, toggle
from tests.conftest import Addresses
from tests.integration.effects import outcomes, titles

CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"


def statements() -> str:
    """The block of SQL in "Making a migration"."""
    (block,) = re.findall(r"```sql\n(.*?)```", CONTRIBUTING.read_text(), re.DOTALL)
    return dedent(str(block))


async def migrate_data(addresses: Addresses) -> None:
    async with await psycopg.AsyncConnection.connect(addresses.owner) as owner:
        await owner.execute(statements().encode())


async def revision_of(reader: Database, user: UUID, task_id: UUID | None = None) -> int:
    """That of the list, or of the task."""
    (answer,) = await reader.run(lambda db: answer_reads(db, [Read(user_id=user, task_id=task_id)]))
    assert answer is not None
    return split(memoryview(answer)).revision or 0


async def has_delta(reader: Database, user: UUID, since: int) -> bool:
    (answer,) = await reader.run(lambda db: answer_reads(db, [Read(user_id=user, since=since)]))
    return answer is not None


async def test_a_change_of_tasks_by_a_migration_is_seen_by_whoever_knows_a_revision(
    addresses: Addresses, writer_database: Database, reader_database: Database
) -> None:
    user, other = uuid4(), uuid4()
    changed, same = create(user, title="TODO: Buy milk"), create(user, title="as it is")
    _, before, others = [one.revision or 0 for one in await outcomes(writer_database, changed, same, create(other))]

    await migrate_data(addresses)

    after = await revision_of(reader_database, user)
    assert sorted(await titles(reader_database, user)) == ["Buy milk", "as it is"]
    assert await revision_of(reader_database, user, changed.task_id) == after > before
    assert await revision_of(reader_database, user, same.task_id) == before
    assert not await has_delta(reader_database, user, before)
    assert await has_delta(reader_database, user, after)
    assert await revision_of(reader_database, other) == others
    (flipped,) = await outcomes(writer_database, toggle(user, changed.task_id))
    assert (flipped.revision or 0) > after
    assert await has_delta(reader_database, user, after)


async def test_a_user_who_never_wrote_since_there_are_revisions_gets_one_by_a_migration(
    addresses: Addresses, writer_database: Database, reader_database: Database
) -> None:
    task = create(title="TODO: Buy milk")
    user = task.user_id
    await outcomes(writer_database, task)
    async with await psycopg.AsyncConnection.connect(addresses.owner) as owner:
        await owner.execute("select set_config('app.user_id', %s, true)", [str(user)])
        await owner.execute("delete from user_revisions where user_id = %s", [user])
    before = await revision_of(reader_database, user)

    await migrate_data(addresses)

    assert await revision_of(reader_database, user) > before
    assert not await has_delta(reader_database, user, before)

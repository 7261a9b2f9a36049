"""Where a command is recorded, and that a repeat is found wherever the first was (docs/adr/0030)."""

import time
from collections.abc import AsyncIterator, Callable
from uuid import UUID, uuid4

import psycopg
import pytest
from common.contracts.commands import ToggleTask
from common.contracts.reads import Read
from common.postgres.database import Database, open_database
from local_stack.postgres import Postgres
from psycopg.rows import scalar_row
from pydantic import SecretStr
from task_reader.queries import answer_reads
from task_writer import statements
from task_writer.migrate import migrate

from tests.commands import create, id_of_age, id_of_key, keyed, toggle
from tests.conftest import Addresses, new_database, writer_settings
from tests.integration.effects import is_completed, outcomes

TICK_S = 65.536
HOUR_S = 3600.0
COLUMNS = "command_id, user_id, fingerprint, status, task, recorded_at, revision, previous, task_id"


def slot_of(command_id: UUID) -> str:
    return f"command_log_{int.from_bytes(command_id.bytes[:4]) // 512 % 4}"


async def places(admin: psycopg.AsyncConnection, command_id: UUID) -> list[str]:
    """The tables that have a record of the command."""
    found = await admin.execute("select tableoid::regclass::text from command_log where command_id = %s", [command_id])
    return [name for (name,) in await found.fetchall()]


@pytest.fixture
async def admin(postgres: Postgres, addresses: Addresses) -> AsyncIterator[psycopg.AsyncConnection]:
    """Sees the records of all users."""
    url = postgres.superuser_url.rpartition("/")[0] + "/" + addresses.owner.rpartition("/")[2]
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        yield connection


AGES_S = {
    "now": 0.0, "a minute old": 60.0, "as old as may be": 15 * TICK_S, "of a gateway a bit ahead": -60.0,
    "of a gateway far ahead": -15 * TICK_S,
}  # fmt: skip


@pytest.mark.parametrize("age_s", AGES_S.values(), ids=AGES_S.keys())
async def test_a_command_is_recorded_in_the_slot_of_its_ids_time(
    writer_database: Database, admin: psycopg.AsyncConnection, age_s: float
) -> None:
    command = create(command_id=id_of_age(age_s))

    await outcomes(writer_database, command)

    assert await places(admin, command.command_id) == [slot_of(command.command_id)]


TELL_NO_TIME = {
    "random": uuid4, "late": lambda: id_of_age(18 * TICK_S), "early": lambda: id_of_age(-18 * TICK_S),
    "a month old": lambda: id_of_age(30 * 24 * HOUR_S),
    "greatest": lambda: UUID("ffffffff-ffff-7fff-bfff-fffffffffffe"),
    "least": lambda: UUID("00000000-0000-7000-8000-000000000001"),
}  # fmt: skip


@pytest.mark.parametrize("make_id", TELL_NO_TIME.values(), ids=TELL_NO_TIME.keys())
async def test_what_tells_no_time_near_the_clock_is_recorded_in_the_log_itself(
    writer_database: Database, admin: psycopg.AsyncConnection, make_id: Callable[[], UUID]
) -> None:
    command = create(command_id=make_id())

    await outcomes(writer_database, command, command)

    assert await places(admin, command.command_id) == ["command_log"]


async def test_a_key_is_recorded_in_the_log_itself(writer_database: Database, admin: psycopg.AsyncConnection) -> None:
    command = keyed(create(command_id=id_of_key()))

    await outcomes(writer_database, command, command)

    assert await places(admin, command.command_id) == ["command_log"]


LIFETIMES_S = {"a deadline soon": 10.0, "a deadline of a replayed dead letter": 20 * HOUR_S}
AGES_OF_REPEATS_S = [0.0, 7 * TICK_S, 12 * TICK_S, 20 * TICK_S, 5 * HOUR_S, -7 * TICK_S, -12 * TICK_S, -20 * TICK_S]


@pytest.mark.parametrize("redelivered", [False, True])
@pytest.mark.parametrize("expires_in_s", LIFETIMES_S.values(), ids=LIFETIMES_S.keys())
@pytest.mark.parametrize("age_s", AGES_OF_REPEATS_S)
async def test_a_repeat_is_answered_from_the_record_wherever_that_is(
    writer_database: Database, reader_database: Database, age_s: float, expires_in_s: float, redelivered: bool
) -> None:
    task = create()
    await outcomes(writer_database, task)
    flip = toggle(task.user_id, task.task_id, command_id=id_of_age(age_s), expires_in_s=expires_in_s)
    (first,) = await outcomes(writer_database, flip)

    again = await outcomes(writer_database, create(task.user_id), flip, redelivered=redelivered)

    assert again[1] == first
    assert await is_completed(reader_database, flip)


def replayed(flip: ToggleTask) -> ToggleTask:
    """As a dead letter that is replayed: the same command with a deadline that is hours away."""
    return flip.model_copy(update={"deadline_unix_ms": int((time.time() + 20 * HOUR_S) * 1000)})


async def move(admin: psycopg.AsyncConnection, command: ToggleTask, *, to: str) -> None:
    """Puts the record where another delivery, earlier or later, would have put it."""
    (place,) = await places(admin, command.command_id)
    async with admin.transaction():
        taken = f"with taken as (delete from {place} where command_id = %s returning {COLUMNS})"  # noqa: S608
        statement = f"{taken} insert into {to} ({COLUMNS}) select {COLUMNS} from taken"  # noqa: S608
        await admin.execute(statement.encode(), [command.command_id])


@pytest.mark.parametrize("age_s", [0.0, 10 * TICK_S, 15 * TICK_S, 17 * TICK_S, 5 * HOUR_S, -10 * TICK_S, -18 * TICK_S])
async def test_a_dead_letter_finds_the_record_that_another_delivery_has_left_elsewhere(
    writer_database: Database, reader_database: Database, admin: psycopg.AsyncConnection, age_s: float
) -> None:
    task = create()
    await outcomes(writer_database, task)
    flip = toggle(task.user_id, task.task_id, command_id=id_of_age(age_s))
    (first,) = await outcomes(writer_database, flip)
    own, slot = await places(admin, flip.command_id), slot_of(flip.command_id)

    await move(admin, flip, to=slot if own == ["command_log"] else "command_log")

    assert await outcomes(writer_database, replayed(flip)) == [first]
    if abs(age_s) > 9 * TICK_S:  # also the copy with the deadline of before
        assert await outcomes(writer_database, flip) == [first]
    assert await is_completed(reader_database, flip)


async def test_a_key_is_looked_for_in_one_place(addresses: Addresses) -> None:
    new, known = (keyed(create(command_id=id_of_key())) for _ in range(2))
    async with await psycopg.AsyncConnection.connect(addresses.writer, row_factory=scalar_row) as writer:
        for commands in ([known], [new, known]):
            values = statements.parameters(commands, batch=commands[0].command_id, look_up=False)
            await writer.execute(statements.RUN_COMMANDS.encode(), values)
        held = await writer.execute("select relation::regclass::text from pg_locks where pid = pg_backend_pid()")

        locked = set(await held.fetchall())

    assert "command_log" in locked
    assert not {f"command_log_{slot}" for slot in range(4)} & locked


async def test_changes_are_told_across_slots_and_log(
    writer_database: Database, reader_database: Database, admin: psycopg.AsyncConnection
) -> None:
    task = create()
    flips = [toggle(task.user_id, task.task_id) for _ in range(4)]
    since, *_, last = [one.revision or 0 for one in await outcomes(writer_database, task, *flips)]
    for flip, place in zip(flips, ["command_log_1", "command_log_3", "command_log", "command_log_0"], strict=True):
        await move(admin, flip, to=place)

    (told,) = await reader_database.run(lambda db: answer_reads(db, [Read(user_id=task.user_id, since=since)]))

    assert told is not None
    assert bytes(told).startswith(b"%d " % last)
    assert str(task.task_id).encode() in bytes(told)


async def test_one_revision_in_two_slots_is_no_chain(
    writer_database: Database, reader_database: Database, admin: psycopg.AsyncConnection
) -> None:
    """No index reaches over slots, so that reading has to see it."""
    task = create()
    one, other = toggle(task.user_id, task.task_id), toggle(task.user_id, task.task_id)
    since, first, last = [done.revision or 0 for done in await outcomes(writer_database, task, one, other)]
    await move(admin, one, to="command_log_1")
    await move(admin, other, to="command_log_2")  # the time of day may have put both into one
    await admin.execute(
        "update command_log_1 set revision = %s where command_id = %s and revision = %s", [last, one.command_id, first]
    )

    (told,) = await reader_database.run(lambda db: answer_reads(db, [Read(user_id=task.user_id, since=since)]))

    assert told is None


@pytest.fixture
async def other_server(postgres: Postgres) -> AsyncIterator[tuple[Addresses, Database]]:
    """A migrated database of its own."""
    own = Addresses.of(await new_database(postgres, f"slots_{uuid4().hex}"))
    migrate(own.migration_settings())
    async with open_database(SecretStr(own.writer), writer_settings(own)) as opened:
        yield own, opened


async def test_ids_from_before_there_were_slots_stay_in_the_log(other_server: tuple[Addresses, Database]) -> None:
    own, writer = other_server
    with psycopg.connect(own.owner) as owner:
        owner.execute("update command_log_state set slots_from = now() - interval '5 minutes'")
    before, after = create(command_id=id_of_age(7 * 60.0)), create(command_id=id_of_age(0))

    await outcomes(writer, before, after)

    with psycopg.connect(own.owner, row_factory=scalar_row) as owner:
        sizes = owner.execute(
            "select pg_relation_size(name::regclass) > 0 from unnest(%s::text[]) as name",
            [["command_log", slot_of(after.command_id)]],
        )
        assert sizes.fetchall() == [True, True]

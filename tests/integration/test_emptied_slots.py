"""Slots of the command log are emptied when all that they can have is old, beside writers (docs/adr/0030)."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from common.postgres.database import Database, open_database
from local_stack.postgres import Postgres
from prometheus_client import REGISTRY
from psycopg.errors import InsufficientPrivilege
from psycopg.rows import scalar_row
from pydantic import SecretStr
from task_writer.cleanup import empty_old_slot, forget_old_commands, keep_forgetting
from task_writer.migrate import migrate

from tests.commands import create, id_of_age, id_of_key, keyed, toggle
from tests.conftest import Addresses, new_database, writer_settings
from tests.integration.effects import is_completed, outcomes
from tests.waiting import eventually

type Admin = psycopg.Connection[Any]
"""A superuser's, whose queries answer with one value."""

TICK_MS = 65_536
HOUR_S = 3600.0
SLOTS = [f"command_log_{slot}" for slot in range(4)]
RECORDS = """
insert into {} (command_id, user_id, fingerprint, status, recorded_at)
select (lpad(to_hex(%(tick)s::bigint), 8, '0') || substr(replace(gen_random_uuid()::text, '-', ''), 9))::uuid,
  gen_random_uuid(), '', 'done', to_timestamp(%(tick)s * 65.536)
from generate_series(1, %(number)s)
"""


@pytest.fixture(scope="module")
async def own(postgres: Postgres) -> Addresses:
    """A migrated database that no other module uses."""
    addresses = Addresses.of(await new_database(postgres, f"emptied_{uuid4().hex}"))
    await asyncio.to_thread(migrate, addresses.migration_settings())
    return addresses


@pytest.fixture
async def database(own: Addresses) -> AsyncIterator[Database]:
    async with open_database(SecretStr(own.writer), writer_settings(own)) as opened:
        yield opened


@pytest.fixture
async def reader(own: Addresses) -> AsyncIterator[Database]:
    async with open_database(SecretStr(own.reader), writer_settings(own)) as opened:
        yield opened


@pytest.fixture
def admin(own: Addresses, postgres: Postgres) -> Iterator[Admin]:
    """Sees the records of all users. There are none at first."""
    url = postgres.superuser_url.rpartition("/")[0] + "/" + own.owner.rpartition("/")[2]
    with psycopg.connect(url, autocommit=True, row_factory=scalar_row) as connection:
        connection.execute("truncate command_log")
        yield connection


def add_records(admin: Admin, *, age_s: float, number: int = 1) -> str:
    """Records of commands without a key, from so many seconds ago, in their slot: its name."""
    tick = int(time.time() - age_s) * 1000 // TICK_MS
    slot = SLOTS[tick // 512 % 4]
    admin.execute(RECORDS.format(slot).encode(), {"tick": tick, "number": number})
    return slot


def counts(admin: Admin) -> dict[str, int]:
    """Records in each slot that has some."""
    found = {slot: admin.execute(f"select count(*) from {slot}".encode()).fetchone() for slot in SLOTS}  # noqa: S608
    return {slot: number for slot, number in found.items() if number}


async def emptied(database: Database, retention_s: float) -> int:
    """How many slots the clean-up empties until nothing is left to do. An autovacuum may keep one for a moment."""
    answers: list[str] = []

    async def is_done() -> bool:
        answers.append(await database.run(lambda db: empty_old_slot(db, retention_s)))
        return answers[-1] == "none"

    await eventually(is_done)
    return answers.count("emptied")


async def test_an_old_slot_is_emptied_and_a_younger_one_is_not(admin: Admin, database: Database) -> None:
    """The ring is 37 hours: what is 27 hours old is in the slot that comes next."""
    old, young = add_records(admin, age_s=27.5 * HOUR_S, number=50), add_records(admin, age_s=0)

    assert await emptied(database, 5 * HOUR_S) == 1

    assert young in counts(admin)
    assert old not in counts(admin)
    kept = admin.execute("select now() - forgotten_until <= interval '5 hours 1 minute' from command_log_state")
    assert kept.fetchone() is True, "an operator who replays dead letters must know"


@pytest.mark.parametrize("retention_h", [1, 6, 24, 26, 27, 48, 87_600])
async def test_nothing_younger_than_the_retention_goes(admin: Admin, database: Database, retention_h: int) -> None:
    """At this moment; `test_the_rule_holds_at_every_moment` has the others."""
    for age_s in range(0, 37 * 3600, 1800):
        add_records(admin, age_s=age_s)
    young = "select count(*) from command_log where recorded_at > now() - make_interval(hours => %s)"
    before = admin.execute(young.encode(), [retention_h]).fetchone()

    number = await emptied(database, retention_h * HOUR_S)
    await database.run(lambda db: forget_old_commands(db, retention_h * HOUR_S))

    assert admin.execute(young.encode(), [retention_h]).fetchone() == before
    assert number > 0 or retention_h > 6


THE_RULE = """
select p_tick, slot
from generate_series(%(from)s::bigint, %(from)s + 2048 + 512) as p_tick, generate_series(0, 3) as slot
where slot_is_old(slot, p_tick, %(retention_s)s)
"""


@pytest.mark.parametrize("retention_h", [1, 6, 24, 26, 27, 48])
def test_the_rule_holds_at_every_moment(admin: Admin, retention_h: int) -> None:
    """Over more than a turn of the ring, for all ids that may be in a slot: 16 ticks from the clock, when recorded."""
    begin = int(time.time()) * 1000 // TICK_MS
    with admin.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
        cursor.execute(THE_RULE.encode(), {"from": begin, "retention_s": retention_h * HOUR_S})
        old = set(cursor.fetchall())

    kept_ticks = int(retention_h * HOUR_S * 1000 / TICK_MS)
    for now in range(begin, begin + 2048 + 512):
        in_use = {made // 512 % 4 for made in range(now - kept_ticks - 16, now + 17)}
        assert not {(now, slot) for slot in in_use} & old
    if retention_h <= 26:  # each slot has an hour at least in which it is emptied before its next turn begins
        for turn in range(begin // 512 + 1, begin // 512 + 5):
            moments = [now for now in range(turn * 512, (turn + 1) * 512 - 17) if (now, (turn + 1) % 4) in old]
            assert len(moments) * TICK_MS / 1000 > HOUR_S * 0.9


async def test_the_cost_does_not_depend_on_the_number_of_records(admin: Admin, database: Database) -> None:
    wal_bytes = []
    for number in (10, 20_000):
        add_records(admin, age_s=27.5 * HOUR_S, number=number)
        before = admin.execute("select pg_current_wal_insert_lsn()").fetchone()
        assert await emptied(database, 5 * HOUR_S) == 1
        (since,) = admin.execute("select pg_current_wal_insert_lsn() - %s::pg_lsn", [before]).fetchall()
        wal_bytes.append(float(since))

    assert wal_bytes[1] < wal_bytes[0] + 100_000, "to delete 20,000 records takes 9 MB"


@pytest.mark.parametrize("of_key", [False, True])
async def test_writing_does_not_wait_for_a_slot_that_is_being_emptied(
    own: Addresses, admin: Admin, database: Database, of_key: bool
) -> None:
    slot = add_records(admin, age_s=27.5 * HOUR_S)
    new = keyed(create(), id_of_key()) if of_key else create()
    with psycopg.connect(own.owner) as emptying:
        emptying.execute(f"lock table {slot} in access exclusive mode".encode())

        (answer,) = await outcomes(database, new)

    assert answer.status == "done"


async def test_a_slot_that_is_read_is_emptied_later(own: Addresses, admin: Admin, database: Database) -> None:
    slot = add_records(admin, age_s=27.5 * HOUR_S)
    with psycopg.connect(own.owner) as long_read:
        long_read.execute(f"select count(*) from {slot}".encode())  # noqa: S608

        meanwhile = await database.run(lambda db: empty_old_slot(db, 5 * HOUR_S))

    assert meanwhile == "in_use"
    assert await emptied(database, 5 * HOUR_S) == 1


async def test_the_clean_up_shows_what_it_cannot_empty(own: Addresses, admin: Admin, database: Database) -> None:
    slot = add_records(admin, age_s=27.5 * HOUR_S)
    before = REGISTRY.get_sample_value("taskwire_emptied_slots_total") or 0.0

    async def is_behind() -> bool:
        return REGISTRY.get_sample_value("taskwire_cleanup_behind") == 1

    async def has_caught_up() -> bool:
        emptied = REGISTRY.get_sample_value("taskwire_emptied_slots_total") == before + 1
        return emptied and not await is_behind()

    with psycopg.connect(own.owner) as long_read:
        long_read.execute(f"select count(*) from {slot}".encode())  # noqa: S608
        cleaning = asyncio.create_task(keep_forgetting(database, retention_s=5 * HOUR_S, interval_s=0.01))
        await eventually(is_behind)
    await eventually(has_caught_up)

    cleaning.cancel()
    await asyncio.wait([cleaning])


async def test_writers_and_clean_ups_at_once(admin: Admin, database: Database, reader: Database) -> None:
    tasks = [create() for _ in range(5)]
    await outcomes(database, *tasks)

    async def write(task_number: int) -> None:
        task = tasks[task_number]
        for _ in range(15):
            flip = toggle(task.user_id, task.task_id)
            again = flip if task_number % 2 else keyed(flip, id_of_key())
            first, second = [(await outcomes(database, one))[0] for one in (again, again)]
            assert first.status == second.status == "done"
            assert first.task == second.task

    async def clean() -> int:
        number = 0
        for _ in range(15):
            add_records(admin, age_s=27.5 * HOUR_S)
            number += await emptied(database, 5 * HOUR_S)
        return number

    cleaning = asyncio.create_task(clean())
    await asyncio.gather(*(write(number) for number in range(5)))

    assert await cleaning == 15
    assert [await is_completed(reader, task) for task in tasks] == [True] * 5  # 15 flips each


async def test_what_is_kept_for_longer_than_the_ring_is_deleted_by_record(admin: Admin, database: Database) -> None:
    add_records(admin, age_s=60 * HOUR_S, number=3)
    add_records(admin, age_s=49 * HOUR_S, number=5)
    add_records(admin, age_s=40 * HOUR_S, number=7)

    deleted = await database.run(lambda db: forget_old_commands(db, 48 * HOUR_S))

    assert deleted == 8
    assert sum(counts(admin).values()) == 7
    assert await emptied(database, 48 * HOUR_S) == 0


async def test_a_task_writer_of_the_release_before_empties_slots_too(admin: Admin, database: Database) -> None:
    add_records(admin, age_s=27.5 * HOUR_S, number=3)

    async def is_empty() -> bool:
        assert await database.run(lambda db: forget_old_commands(db, 5 * HOUR_S)) == 0
        return counts(admin) == {}

    await eventually(is_empty)


@pytest.mark.parametrize("retention_s", [0.0, -1e9, 60.0, float("nan")])
async def test_no_caller_can_empty_what_is_younger_than_an_hour(
    admin: Admin, database: Database, retention_s: float
) -> None:
    for age_s in (0, 600, 3000):
        add_records(admin, age_s=age_s)

    await emptied(database, retention_s)

    assert sum(counts(admin).values()) == 3


@pytest.mark.parametrize("statement", ["truncate command_log_0", "truncate command_log", "select slot_is_old(0, 0, 0)"])
def test_a_service_cannot_empty_a_slot_by_itself(own: Addresses, statement: str) -> None:
    with psycopg.connect(own.writer) as writer, pytest.raises(InsufficientPrivilege):
        writer.execute(statement.encode())


def test_ids_of_the_tests_are_of_their_age() -> None:
    assert abs(int.from_bytes(id_of_age(HOUR_S).bytes[:6]) / 1000 - (time.time() - HOUR_S)) < 5

"""A commit that no standby has is not acknowledged, whatever ended the wait for the standbys (ADR 29)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from common.contracts.commands import AnyCommand
from common.postgres.database import Database, open_database
from local_stack.postgres import Postgres

from tests.commands import create, delete, keyed, toggle
from tests.conftest import Addresses, writer_settings
from tests.integration.effects import outcomes, replay_of
from tests.postgres_cluster import Cluster, execute, frozen, kill, start
from tests.waiting import eventually

PATIENCE_S = 30.0
HASTE_S = 1.0
WAITING = "select pid from pg_stat_activity where usename = 'taskwire_writer' and wait_event = 'SyncRep'"


@asynccontextmanager
async def a_writer(cluster: Cluster, *, timeout_s: float) -> AsyncIterator[Database]:
    """The database as a task-writer sees it that waits so long for an answer."""
    settings = writer_settings(Addresses.of(cluster.owner_url)).model_copy(update={"database_timeout_s": timeout_s})
    async with open_database(settings.writer_database_url, settings, takes_writes=True) as database:
        await outcomes(database, create())  # it is connected
        yield database


@pytest.fixture
async def patient(cluster: Cluster) -> AsyncIterator[Database]:
    async with a_writer(cluster, timeout_s=PATIENCE_S) as database:
        yield database


@pytest.fixture
async def hasty(cluster: Cluster) -> AsyncIterator[Database]:
    async with a_writer(cluster, timeout_s=HASTE_S) as database:
        yield database


async def waiting(primary: Postgres, *, but: Sequence[int] = ()) -> list[int]:
    """The sessions of task-writers whose commits wait for a standby; returns once there is one, besides `but`."""
    found = list[int]()

    async def there_are() -> bool:
        found[:] = [pid for (pid,) in await execute(primary, WAITING) if pid not in but]
        return bool(found)

    await eventually(there_are)
    return found


async def locally(cluster: Cluster, hasty: Database, *commands: AnyCommand) -> None:
    """Commits the commands on the primary alone: the standbys are frozen, and the session is ended while it waits."""
    primary = cluster.members[0]
    assert {answer.status for answer in await outcomes(hasty, *commands)} == {"unknown"}
    for pid in await waiting(primary):
        assert await execute(primary, "select pg_terminate_backend(%s, 5000)", pid) == [(True,)]
    recorded = "select count(*) from command_log where command_id = any(%s)"
    ids = [command.command_id for command in commands]
    assert await execute(primary, recorded, ids, database="taskwire") == [(len(commands),)]


INTERRUPTS = {
    "cancelled": "select pg_cancel_backend(pid) from unnest(%s) as pid",
    "terminated": "select pg_terminate_backend(pid) from unnest(%s) as pid",
}


@pytest.mark.parametrize("interrupt", INTERRUPTS)
async def test_an_interrupted_wait_is_no_success_and_the_writer_waits_again(
    cluster: Cluster, patient: Database, interrupt: str
) -> None:
    primary, *standbys = cluster.members
    new = create()
    with frozen(*standbys):
        running = asyncio.create_task(outcomes(patient, new))
        first = await waiting(primary)
        await execute(primary, INTERRUPTS[interrupt], first)

        await waiting(primary, but=first)

        assert not running.done()
    assert [answer.status for answer in await running] == ["done"]
    count = "select count(*) from tasks where user_id = %s"
    assert await execute(primary, count, new.user_id, database="taskwire") == [(1,)]


async def test_an_interrupted_wait_is_unknown_as_long_as_the_standbys_are_away(
    cluster: Cluster, hasty: Database
) -> None:
    primary, *standbys = cluster.members
    with frozen(*standbys):
        running = asyncio.create_task(outcomes(hasty, create()))
        await execute(primary, INTERRUPTS["cancelled"], await waiting(primary))

        assert [answer.status for answer in await running] == ["unknown"]


def batches() -> dict[str, tuple[list[AnyCommand], list[AnyCommand], bool]]:
    """What was committed locally, what comes then, and whether as a redelivery."""
    done: list[AnyCommand] = [create(), toggle(uuid4(), uuid4()), delete(uuid4(), uuid4())]
    key, other = keyed(create()), keyed(create())
    reused = keyed(create(other.user_id, title="another"), other.command_id)
    return {
        "a redelivery": (done, done, True),
        "a redelivery of which one part is new": (done[:1], [done[0], create()], True),
        "a key again": ([key], [key], False),
        "a key again for something else": ([other], [reused], False),
    }


@pytest.mark.parametrize("case", batches())
async def test_what_the_log_has_is_not_acknowledged_before_a_standby_has_it(
    cluster: Cluster, hasty: Database, patient: Database, case: str
) -> None:
    committed, again, redelivered = batches()[case]
    with frozen(*cluster.members[1:]):
        await locally(cluster, hasty, *committed)

        answers = await outcomes(hasty, *again, redelivered=redelivered)

        assert {answer.status for answer in answers} == {"unknown"}
    answers = await outcomes(patient, *again, redelivered=redelivered)
    assert {answer.status for answer in answers} <= {"done", "not_found", "key_reused"}


async def test_what_only_the_old_primary_has_is_done_anew_after_a_fail_over_and_what_was_acknowledged_is_replayed(
    own_cluster: Cluster,
) -> None:
    primary, standby, other = own_cluster.members
    lost, kept = keyed(create(title="lost")), keyed(create(title="kept"))
    async with (
        a_writer(own_cluster, timeout_s=HASTE_S) as hasty,
        a_writer(own_cluster, timeout_s=PATIENCE_S) as patient,
    ):
        (before,) = await outcomes(patient, kept)
        await asyncio.gather(kill(standby), kill(other))
        await locally(own_cluster, hasty, lost)
        await kill(primary)  # before the standbys can get it
        await asyncio.gather(start(standby), start(other))
        await own_cluster.promote(standby, follower=other)

        (anew,) = await outcomes(patient, lost)
        (replayed,) = await outcomes(patient, kept)

    assert (anew.status, anew.replayed) == ("done", False)
    assert replayed == replay_of(before)

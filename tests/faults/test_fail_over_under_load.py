"""The whole system on a PostgreSQL that fails over, under load: the checker of `make faults` finds nothing (ADR 29)."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest
from local_stack.stack import Stack, running_stack
from pydantic import SecretStr

from faults.campaign import Recorder, busy_clients, plan_campaign
from faults.checker import check
from faults.final import final_states, stored_tasks
from faults.history import History, Injury, write_history
from faults.recovery import is_success, recoveries
from faults.report import round_line, table
from tests.conftest import stack_settings
from tests.faults.test_frozen_servers import GRACE_S, took_s
from tests.postgres_cluster import Cluster, execute, frozen, kill, set_option, start, start_as_primary
from tests.waiting import eventually

CLIENTS, SEED, SECONDS = 10, 4251, 60.0  # the seconds are for the line of progress
WRITE_DEADLINE_S = 6.0
BACK_WITHIN_S = 15.0  # a frozen primary: DATABASE_TIMEOUT_S, and 3 s until a new connection passes it over
STALL_S = 9.0  # longer than any deadline, and than DATABASE_TIMEOUT_S
WAITING = "select pid from pg_stat_activity where usename = 'taskwire_writer' and wait_event = 'SyncRep'"
END_SESSIONS = "select pg_terminate_backend(pid) from pg_stat_activity where usename like 'taskwire_%'"


@dataclass(frozen=True)
class Replicated:
    """A stack whose PostgreSQL is a cluster: its first member is the primary, and then its second."""

    stack: Stack
    cluster: Cluster


@pytest.fixture
async def system(
    own_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Replicated]:
    monkeypatch.setenv("WRITE_DEADLINE_S", str(WRITE_DEADLINE_S))
    database_url = SecretStr(f"{own_cluster.owner_url}?target_session_attrs=read-write")
    settings = stack_settings(tmp_path_factory.mktemp("replicated"))
    async with running_stack(settings.model_copy(update={"database_url": database_url})) as stack:
        yield Replicated(stack, own_cluster)


async def commits_wait(system: Replicated, member: int) -> None:
    """Returns once commits on that member wait for a standby."""

    async def do_wait() -> bool:
        return bool(await execute(system.cluster.members[member], WAITING))

    await eventually(do_wait)


@asynccontextmanager
async def writer_killed_in_a_stall(system: Replicated) -> AsyncIterator[None]:
    """The standbys are away for longer than the deadline, and what is being carried out is delivered again."""
    began, writer = time.monotonic(), system.stack.services["task-writer"]

    async def is_over() -> bool:
        return time.monotonic() > began + STALL_S

    with frozen(*system.cluster.members[1:]):
        await commits_wait(system, 0)
        writer.send_signal(signal.SIGKILL)
        await eventually(is_over)
    yield


@asynccontextmanager
async def primary_killed_with_local_commits(system: Replicated) -> AsyncIterator[None]:
    """The standbys are away, the sessions that wait for them are ended, and then the primary dies."""
    old, new, other = system.cluster.members
    await asyncio.gather(kill(new), kill(other))
    await commits_wait(system, 0)
    await execute(old, END_SESSIONS)
    await commits_wait(system, 0)
    await kill(old)
    await asyncio.gather(start(new), start(other))
    await system.cluster.promote(new, follower=other)
    yield


@asynccontextmanager
async def old_primary_returns(system: Replicated) -> AsyncIterator[None]:
    """It takes writes, as the first host of the address, and the services have to connect anew."""
    old, new, _ = system.cluster.members
    await start_as_primary(old)
    await execute(new, END_SESSIONS)
    yield


@asynccontextmanager
async def writer_stopped_in_a_stall(system: Replicated) -> AsyncIterator[None]:
    """SIGTERM to the task-writer while no commit ends."""
    writer = system.stack.services["task-writer"]
    with frozen(system.cluster.members[2]):
        await commits_wait(system, 1)
        assert await took_s(writer) < GRACE_S
    await writer.start()
    yield


@asynccontextmanager
async def primary_frozen(system: Replicated) -> AsyncIterator[None]:
    """The last standby takes over, alone; later the old primary goes on, on connections that it has kept."""
    _, old, new = system.cluster.members
    with frozen(old):
        await execute(new, "select pg_promote()")
        await set_option(new, "synchronous_standby_names", "")
        yield
    await set_option(old, "synchronous_standby_names", "")


def longest_gap_s(history: History, since_s: float, *, of_writes: bool) -> float:
    """Between two operations that succeeded."""
    ended = sorted(one.ended_s for one in history.operations if one.is_write == of_writes and is_success(one))
    return max((later - ended_s for ended_s, later in pairwise(ended) if later > since_s), default=0.0)


FAULTS = (
    writer_killed_in_a_stall,
    primary_killed_with_local_commits,
    old_primary_returns,
    writer_stopped_in_a_stall,
    primary_frozen,
)


async def test_no_promise_is_broken_whatever_happens_to_the_members(system: Replicated, tmp_path: Path) -> None:
    plan = plan_campaign(SEED, SECONDS, CLIENTS, gateways=1)
    history = History(replace(plan, write_deadline_s=WRITE_DEADLINE_S))
    recorder = Recorder(history)
    async with busy_clients(recorder, [system.stack.addresses.gateway_url], print):
        for number, fault in enumerate(FAULTS):
            began_s = time.monotonic()
            async with fault(system):
                injury = Injury(number, fault.__name__, "", began_s, time.monotonic(), holds_transactions=True)
                history.injuries.append(injury)
                await recorder.recovered(injury.back_s)
            gaps = [longest_gap_s(history, began_s, of_writes=of_writes) for of_writes in (False, True)]
            print(f"{round_line(history, number)}; out in all: reads {gaps[0]:.1f} s, writes {gaps[1]:.1f} s")
        await recorder.recovered(time.monotonic())
    stored = await stored_tasks(system.cluster.members[2].superuser_url)
    history.final.extend(await final_states(stored, system.stack.addresses.gateway_url, history))

    write_history(tmp_path / "history.jsonl", history)
    violations = check(history)
    summary = "\n".join([f"history in {tmp_path}", *table(history, violations)])
    assert violations == [], summary
    assert max(recovery.took_s for recovery in recoveries(history)) < BACK_WITHIN_S, summary

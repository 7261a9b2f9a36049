"""PostgreSQL servers that replicate: a primary and standbys, with the programs and settings of the local stack."""

import signal
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, LiteralString

import psutil
import psycopg
from local_stack.commands import run_to_end
from local_stack.database import create_owner_and_database
from local_stack.postgres import Postgres, find_programs, prepare_postgres
from local_stack.probes import answers_sql
from local_stack.settings import server_environment
from local_stack.state import State, remembered_port
from local_stack.supervision import Process
from local_stack.unprivileged import server_account
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.waiting import eventually

COPIED_WITHIN_S = 60.0
READY_WITHIN_S = 30.0
ONE_STANDBY = "ANY 1 (*)"
"""A commit waits until one standby, whichever, has it on disk."""

POSITION = "select greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())"
WAITING_FOR_WAL = "select 1 from pg_stat_activity where backend_type = 'startup' and wait_event like 'Recovery%'"


@dataclass(frozen=True)
class Cluster:
    """The first member begins as the primary, the others as its standbys, which follow whoever is promoted."""

    members: Sequence[Postgres]

    @property
    def owner_url(self) -> str:
        """Names all members: a client finds the one that takes writes."""
        return self.url(*self.members)

    def url(self, *members: Postgres) -> str:
        """The owner's, naming these members in this order."""
        hosts = ",".join(f"127.0.0.1:{member.port}" for member in members)
        return members[0].owner_url.replace(f"127.0.0.1:{members[0].port}", hosts)

    async def wait_for_standbys(self, primary: Postgres, count: int) -> None:
        """Returns once so many standbys follow this primary synchronously."""

        async def follow() -> bool:
            states = await execute(primary, "select 1 from pg_stat_replication where sync_state in ('sync', 'quorum')")
            return len(states) >= count

        await eventually(follow, within_s=READY_WITHIN_S)

    async def promote(self, standby: Postgres, *, follower: Postgres) -> None:
        """Returns once the standby is a primary that takes commits, with the other standby behind it.

        A manager promotes the standby that has the most, or commits that the other one confirmed are lost. Here the
        standby gets first what the other one has.
        """
        await _catch_up(standby, follower)
        await execute(standby, "select pg_promote()")
        await set_option(follower, "primary_conninfo", _conninfo(standby))
        await self.wait_for_standbys(standby, 1)


async def _catch_up(standby: Postgres, other: Postgres) -> None:
    for one in (standby, other):
        await eventually(partial(_has_replayed_its_own, one), within_s=READY_WITHIN_S)
    ((position,),) = await execute(other, POSITION)

    async def has_it() -> bool:
        ((reached,),) = await execute(standby, f"select ({POSITION}) >= %s", position)
        return bool(reached)

    if not await has_it():
        await set_option(standby, "primary_conninfo", _conninfo(other))
        await eventually(has_it, within_s=READY_WITHIN_S)


async def _has_replayed_its_own(standby: Postgres) -> bool:
    """Whether it waits for more WAL than it has on disk."""
    return bool(await execute(standby, WAITING_FOR_WAL))


async def set_option(member: Postgres, name: str, value: str) -> None:
    """Changes a setting of a running server that needs no restart."""
    await execute(member, sql.SQL("alter system set {} = {}").format(sql.Identifier(name), sql.Literal(value)))
    await execute(member, "select pg_reload_conf()")


async def start(member: Postgres) -> None:
    """Starts a member as what it was."""
    await member.process.start()
    await member.process.wait_ready(partial(answers_sql, member.superuser_url), within_s=READY_WITHIN_S)


async def start_as_primary(member: Postgres) -> None:
    """Starts a killed primary as one, though another was promoted since: nothing fences it, and it asks no standby."""
    await start(member)
    await set_option(member, "synchronous_standby_names", "")


async def kill(member: Postgres) -> None:
    """SIGKILL to the server and all its sessions at once. It stays down until it is started."""
    sessions = _processes(member)
    member.process.kill_group()
    for session in sessions:
        if session.is_running():
            session.kill()
    await member.process.stop()


@contextmanager
def frozen(*members: Postgres) -> Iterator[None]:
    """SIGSTOP to the servers and all their processes: they acknowledge nothing, and keep their connections."""
    stopped = [process for member in members for process in _processes(member)]
    _send(stopped, signal.SIGSTOP)
    try:
        yield
    finally:
        _send(stopped, signal.SIGCONT)


def _processes(member: Postgres) -> list[psutil.Process]:
    server = psutil.Process(member.process.pid)
    return [server, *server.children()]


def _send(processes: Sequence[psutil.Process], signum: signal.Signals) -> None:
    for process in processes:
        if process.is_running():
            process.send_signal(signum)


async def execute(
    member: Postgres, statement: LiteralString | sql.Composed, *values: Any, database: str = "postgres"
) -> list[tuple[Any, ...]]:
    """The rows of one statement of a superuser, who waits for no standby."""
    url = member.superuser_url.rpartition("/")[0] + f"/{database}?options=-c%20synchronous_commit%3Dlocal"
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as admin:
        cursor = await admin.execute(statement, values or None)
        return await cursor.fetchall() if cursor.description else []


@asynccontextmanager
async def running_cluster(state: State, standbys: int = 2) -> AsyncIterator[Cluster]:
    """A primary with an empty database `taskwire`, whose commits wait for one of its standbys."""
    primary = await prepare_postgres(state)
    names = [f"postgres-{number}" for number in range(1, standbys + 1)]
    ports = {"postgres": primary.port} | {name: remembered_port(state, name) for name in names}
    members = [_member(primary, state, name, ports) for name in ports]
    try:
        await start(members[0])
        await create_owner_and_database(primary.superuser_url, primary.owner_url)
        for standby in members[1:]:
            await _copy(primary, standby)
            await start(standby)
            await set_option(standby, "synchronous_standby_names", ONE_STANDBY)
        await set_option(primary, "synchronous_standby_names", ONE_STANDBY)
        cluster = Cluster(members)
        await cluster.wait_for_standbys(primary, standbys)
        yield cluster
    finally:
        for member in reversed(members):
            await member.stop()


def _member(primary: Postgres, state: State, name: str, ports: Mapping[str, int]) -> Postgres:
    """A server that, as a standby, follows whichever of all is the primary."""
    port, program = ports[name], primary.process.program
    data = primary.data if port == primary.port else primary.data.parent / name
    settings = {
        "cluster_name": name,  # the name of a standby in synchronous_standby_names
        "wal_retrieve_retry_interval": "100ms",
    }
    added = [argument for key, value in settings.items() for argument in ("-c", f"{key}={value}")]
    arguments = (program.arguments[0], "-D", str(data), "-p", str(port), *program.arguments[5:], *added)
    return replace(
        primary,
        process=Process(replace(program, name=name, arguments=arguments, before_each_start=None), state),
        port=port,
        data=data,
        superuser_url=primary.superuser_url.replace(f":{primary.port}/", f":{port}/"),
        owner_url=primary.owner_url.replace(f":{primary.port}/", f":{port}/"),
    )


def _conninfo(primary: Postgres) -> str:
    """The address at which standbys follow this primary; with a database it would be one of logical replication."""
    given = conninfo_to_dict(primary.superuser_url)
    return make_conninfo("", **{name: given[name] for name in ("host", "port", "user", "password")})


async def _copy(primary: Postgres, standby: Postgres) -> None:
    programs = find_programs()
    command = (str(programs / "pg_basebackup"), "--pgdata", str(standby.data), "--checkpoint=fast", "--no-sync")
    await run_to_end(
        (*server_account(programs / "postgres").launcher, *command, "--dbname", primary.superuser_url),
        environment=server_environment(),
        directory=primary.data.parent,
        within_s=COPIED_WITHIN_S,
    )
    with (standby.data / "postgresql.auto.conf").open("a") as settings:
        settings.write(f"primary_conninfo = '{_conninfo(primary)}'\n")
    (standby.data / "standby.signal").touch()

"""A streaming standby of a PostgreSQL server: its replay can be paused, and its connection cut off."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from local_stack.commands import run_to_end
from local_stack.postgres import Postgres, find_programs
from local_stack.probes import answers_sql
from local_stack.settings import server_environment
from local_stack.state import State, remembered_port
from local_stack.supervision import Process, Program
from local_stack.unprivileged import server_account

from faults.lines import Line, line_to
from tests.waiting import eventually

READY_WITHIN_S = 60.0
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",  # no less than the primary's
    "timezone": "UTC",
    "hot_standby_feedback": "on",
    "wal_receiver_timeout": "2s",
    "wal_retrieve_retry_interval": "200ms",
}


@dataclass(frozen=True)
class Standby:
    """The standby, its primary, and the line between the two. Belongs to one event loop."""

    process: Process
    port: int
    primary: Postgres
    line: Line

    def at(self, primary_url: str) -> str:
        """The address of the same role and database here."""
        parts = urlsplit(primary_url)
        return parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{self.port}").geturl()

    @property
    def superuser_url(self) -> str:
        return self.at(self.primary.superuser_url)

    async def pause(self) -> None:
        """Stops the replay: what the primary commits from now on is received, and not seen."""
        await one(self.superuser_url, "select pg_wal_replay_pause()")
        await eventually(partial(self._answers, "select pg_get_wal_replay_pause_state() = 'paused'"))

    async def resume(self) -> None:
        await one(self.superuser_url, "select pg_wal_replay_resume()")

    async def caught_up(self) -> None:
        """Returns once all that the primary has written so far is replayed."""
        written = await one(self.primary.superuser_url, "select pg_current_wal_lsn()::text")
        await eventually(partial(self._answers, f"select pg_last_wal_replay_lsn() >= '{written}'"))

    async def cut_off(self) -> None:
        """Ends the connection to the primary, and lets no new one through; returns once the standby has noticed."""
        self.line.refuse()
        await eventually(partial(self._answers, "select not exists (select from pg_stat_wal_receiver)"))

    def reconnect(self) -> None:
        self.line.admit()

    async def _answers(self, question: str) -> bool:
        return bool(await one(self.superuser_url, question))


async def one(url: str, question: str) -> object:
    """The one value that a statement answers."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        row = await (await connection.execute(question.encode())).fetchone()
    assert row is not None
    return row[0]


@asynccontextmanager
async def running_standby(state: State, primary: Postgres, programs: Path | None = None) -> AsyncIterator[Standby]:
    """A copy of the primary, made now, that follows it; ready for reads. `programs` are those of the primary."""
    programs = programs or find_programs()
    account, home = server_account(programs / "postgres"), state.path / "standby"
    home.mkdir(mode=0o700)
    os.chown(home, account.uid, account.gid)
    async with line_to(primary.port) as line:
        parts = urlsplit(primary.superuser_url)
        source = parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{line.port}").geturl()
        options = ("--wal-method=stream", "--checkpoint=fast", "--write-recovery-conf", "--no-sync")
        copy = (str(programs / "pg_basebackup"), f"--dbname={source}", f"--pgdata={home / 'data'}", *options)
        await run_to_end(
            (*account.launcher, *copy), environment=server_environment(), directory=home, within_s=READY_WITHIN_S
        )
        port = remembered_port(state, "standby")
        settings = [argument for name, value in SETTINGS.items() for argument in ("-c", f"{name}={value}")]
        program = Program(
            name="standby",
            arguments=(str(programs / "postgres"), "-D", str(home / "data"), "-p", str(port), *settings),
            environment=server_environment(),
            launcher=account.launcher,
        )
        standby = Standby(Process(program, state), port, primary, line)
        try:
            await standby.process.start()
            await standby.process.wait_ready(partial(answers_sql, standby.superuser_url), within_s=READY_WITHIN_S)
            yield standby
        finally:
            await standby.process.stop()

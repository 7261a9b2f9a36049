"""PostgreSQL and PgBouncer from Debian's packages: the embedded PostgreSQL speaks no TLS."""

import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from local_stack.database import create_owner_and_database
from local_stack.probes import answers_sql, listens
from local_stack.settings import server_environment
from local_stack.state import State, remembered_port, write_private
from local_stack.supervision import Process, Program
from local_stack.unprivileged import Account, server_account

from tests.conftest import READER_PASSWORD, WRITER_PASSWORD

PASSWORD = "of-a-test"  # noqa: S105 - of servers that live as long as the tests
READY_WITHIN_S = 30.0
LIKE_NEON = "sslmode=require&channel_binding=require"


def debian_postgres() -> Path | None:
    """The newest PostgreSQL of Debian's packages."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return found[-1] if found else None


needs_debian_servers = pytest.mark.skipif(
    debian_postgres() is None or shutil.which("pgbouncer") is None or shutil.which("openssl") is None,
    reason="a PostgreSQL with TLS or PgBouncer is not here: apt-get install postgresql pgbouncer openssl",
)


@dataclass(frozen=True)
class TlsPostgres:
    """A server that takes nobody without TLS, and its certificate."""

    process: Process
    port: int
    certificate: Path
    key: Path

    def url(self, user: str, database: str, query: str = LIKE_NEON) -> str:
        return f"postgresql://{user}:{PASSWORD}@127.0.0.1:{self.port}/{database}?{query}"

    @property
    def superuser_url(self) -> str:
        return self.url("postgres", "postgres")

    async def start(self) -> None:
        await self.process.start()
        await self.process.wait_ready(partial(answers_sql, self.superuser_url), within_s=READY_WITHIN_S)


@asynccontextmanager
async def running_tls_postgres(state: State) -> AsyncIterator[TlsPostgres]:
    """The server, with the owner's role and an empty database `taskwire`."""
    program = debian_postgres()
    assert program is not None
    account, home, port = server_account(program), state.path / "tls", remembered_port(state, "tls-postgres")
    home.mkdir()
    os.chown(home, account.uid, account.gid)
    certificate, key = make_certificate(home, account)
    init_data(program, account, home)
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "port": port,
        "ssl": "on",
        "ssl_cert_file": certificate,
        "ssl_key_file": key,
    }
    arguments = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
    started = Program(
        name="tls-postgres",
        arguments=(str(program), "-D", str(home / "data"), *arguments),
        environment=server_environment(),
        launcher=account.launcher,
        stop_signal=signal.SIGINT,
    )
    server = TlsPostgres(Process(started, state), port, certificate, key)
    try:
        await server.start()
        await create_owner_and_database(server.superuser_url, server.url("taskwire_owner", "taskwire"))
        yield server
    finally:
        await server.process.stop()


def make_certificate(home: Path, account: Account) -> tuple[Path, Path]:
    """One that the server has signed itself, and its key, which the server's user alone may read."""
    certificate, key = home / "server.crt", home / "server.key"
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost")
    files = ("-keyout", str(key), "-out", str(certificate))
    command = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject, *files)
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    for path in (certificate, key):
        os.chown(path, account.uid, account.gid)
    key.chmod(0o600)
    return certificate, key


def init_data(program: Path, account: Account, home: Path) -> None:
    """A data directory whose server wants TLS and a password from everybody."""
    password = home / "password"
    write_private(password, PASSWORD)
    os.chown(password, account.uid, account.gid)
    options = ("--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync")
    command = (*account.launcher, str(program.with_name("initdb")), *options, f"--pwfile={password}")
    subprocess.run([*command, f"--pgdata={home / 'data'}"], check=True, capture_output=True, timeout=60)
    (home / "data" / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")


@dataclass(frozen=True)
class Pgbouncer:
    """PgBouncer in transaction mode before a TlsPostgres, with TLS on both sides as Neon has it."""

    process: Process
    port: int

    def url(self, user: str, password: str) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/taskwire?sslmode=require"

    @property
    def console_url(self) -> str:
        """Of PgBouncer's own console."""
        return f"postgresql://console:{PASSWORD}@127.0.0.1:{self.port}/pgbouncer?sslmode=require"


@asynccontextmanager
async def running_pgbouncer(state: State, server: TlsPostgres, **settings: str | int) -> AsyncIterator[Pgbouncer]:
    program = shutil.which("pgbouncer")
    assert program is not None
    account, home, port = server_account(Path(program)), state.path / "pgbouncer", remembered_port(state, "pgbouncer")
    home.mkdir(exist_ok=True)
    passwords = {"taskwire_writer": WRITER_PASSWORD, "taskwire_reader": READER_PASSWORD, "console": PASSWORD}
    write_private(home / "users.txt", "".join(f'"{user}" "{word}"\n' for user, word in passwords.items()))
    all_settings = {
        "pool_mode": "transaction",
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "scram-sha-256",
        "auth_file": home / "users.txt",
        "admin_users": "console",
        "client_tls_sslmode": "require",
        "client_tls_cert_file": server.certificate,
        "client_tls_key_file": server.key,
        "server_tls_sslmode": "require",
        **settings,
    }
    lines = "".join(f"{name} = {value}\n" for name, value in all_settings.items())
    database = f"taskwire = host=127.0.0.1 port={server.port} dbname=taskwire\n"
    write_private(home / "pgbouncer.ini", f"[databases]\n{database}[pgbouncer]\n{lines}")
    for path in (home, *home.iterdir()):
        os.chown(path, account.uid, account.gid)
    started = Program(
        name="pgbouncer",
        arguments=(program, str(home / "pgbouncer.ini")),
        environment=server_environment(),
        launcher=account.launcher,
        stop_signal=signal.SIGINT,
    )
    pooler = Pgbouncer(Process(started, state), port)
    try:
        await pooler.process.start()
        await pooler.process.wait_ready(partial(listens, port), within_s=READY_WITHIN_S)
        yield pooler
    finally:
        await pooler.process.stop()

"""TLS to PostgreSQL and RabbitMQ, by settings alone: a server without a certificate of our CA gets no connection."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from common.postgres.database import DatabaseUnavailable, open_database
from gateway.settings import GatewaySettings
from gateway.write_lanes import open_write_lanes
from local_stack.ports import pick_port
from local_stack.postgres import Postgres, prepare_postgres
from local_stack.rabbitmq import Rabbitmq, prepare_rabbitmq
from local_stack.state import State, open_state
from pydantic import HttpUrl, SecretStr
from task_reader.settings import ReaderSettings
from task_writer.app import open_writer
from task_writer.batches import carry_out
from task_writer.migrate import migrate
from task_writer.settings import WriterSettings

from tests.certificates import Authority
from tests.commands import create, plain
from tests.conftest import Addresses, new_database
from tests.integration.dead_letters import EXECUTABLE
from tests.reading import read_list
from tests.waiting import eventually

HOST = "127.0.0.1"
WITH_TLS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)  # the wheel's is built without


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("ours") / "ca", "Our CA")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("theirs") / "ca", "Another CA")


@pytest.fixture(scope="module")
async def tls_state(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[State]:
    async with open_state(tmp_path_factory.mktemp("tls")) as opened:
        yield opened


@pytest.fixture(scope="module")
async def tls_postgres(tls_state: State, authority: Authority) -> AsyncIterator[Postgres]:
    """A server that takes TLS connections alone, apart from the superuser's."""
    if not WITH_TLS:
        pytest.skip("no PostgreSQL with TLS here: install Debian's package postgresql")
    server = await prepare_postgres(tls_state, programs=WITH_TLS[0])
    certificate, key = authority.certify(HOST)
    owner = server.data.stat()
    for source, name in ((certificate, "server.crt"), (key, "server.key")):
        (server.data / name).write_bytes(source.read_bytes())
        (server.data / name).chmod(0o600)
        os.chown(server.data / name, owner.st_uid, owner.st_gid)
    rules = server.data / "pg_hba.conf"
    rules.write_text(f"host postgres,all postgres {HOST}/32 scram-sha-256\nhostssl all all {HOST}/32 scram-sha-256\n")
    with (server.data / "postgresql.conf").open("a") as settings:
        settings.write("ssl = on\n")
    try:
        await server.start()
        yield server
    finally:
        await server.stop()


@pytest.fixture(scope="module")
async def tls_addresses(tls_postgres: Postgres, authority: Authority) -> Addresses:
    """A database that is migrated over TLS."""
    plain = Addresses.of(await new_database(tls_postgres, "over_tls"))
    over_tls = Addresses(*(verified(url, authority.certificate) for url in (plain.owner, plain.writer, plain.reader)))
    migrate(over_tls.migration_settings())
    return over_tls


def verified(url: str, ca_file: Path, more: str = "") -> str:
    return f"{url}?sslmode=verify-full&sslrootcert={quote(str(ca_file))}{more}"


def reader_settings(url: str) -> ReaderSettings:
    return ReaderSettings(reader_database_url=SecretStr(url), port=0, pool_timeout_s=1.0)


async def test_migrations_reader_and_writer_work_over_tls(tls_addresses: Addresses, tls_postgres: Postgres) -> None:
    writer = WriterSettings(
        writer_database_url=SecretStr(tls_addresses.writer), rabbitmq_url=SecretStr("amqp://unused")
    )
    reader = reader_settings(tls_addresses.reader)
    command = create()
    async with (
        open_database(writer.writer_database_url, writer) as for_writes,
        open_database(reader.reader_database_url, reader) as for_reads,
    ):
        (created,) = await carry_out(for_writes, [command])
        tasks = await read_list(for_reads, command.user_id)
        async with await psycopg.AsyncConnection.connect(tls_postgres.superuser_url) as admin:
            rows = await (
                await admin.execute(
                    "select distinct usename, ssl from pg_stat_ssl join pg_stat_activity using (pid)"
                    " where usename like 'taskwire%'"
                )
            ).fetchall()

    assert tasks == f"[{created.outcome.task}]".encode()
    assert sorted(rows) == [("taskwire_reader", True), ("taskwire_writer", True)]


@pytest.mark.parametrize("fault", ["another CA", "another host", "no TLS"])
async def test_a_database_that_is_not_certified_gets_no_connection(
    tls_addresses: Addresses, stranger: Authority, fault: str
) -> None:
    plain = tls_addresses.reader.partition("?")[0]
    url = {
        "another CA": verified(plain, stranger.certificate),
        "another host": tls_addresses.reader.replace(f"@{HOST}", "@localhost", 1) + f"&hostaddr={HOST}",
        "no TLS": f"{plain}?sslmode=disable",
    }[fault]
    settings = reader_settings(url)

    async with open_database(settings.reader_database_url, settings) as database:
        with pytest.raises(DatabaseUnavailable):
            await database.run(lambda db: db.execute("select 1"))


@pytest.fixture(scope="module")
async def tls_rabbitmq(tls_state: State, authority: Authority) -> AsyncIterator[tuple[Rabbitmq, int]]:
    """A node with a TLS port, and that port."""
    node = await prepare_rabbitmq(tls_state)
    certificate, key = authority.certify(HOST)
    port = pick_port(avoid=frozenset({node.port, node.epmd_port}))
    files = {"cacertfile": authority.certificate, "certfile": certificate, "keyfile": key}
    for name, source in files.items():
        shutil.copy(source, node.directory / "rabbitmq" / name)
    options = ", ".join(f'{{{name}, "rabbitmq/{name}"}}' for name in files)  # as the node sees its directory
    configuration = node.directory / "rabbitmq" / "node.config"
    configuration.write_text(
        configuration.read_text().replace(
            "[{rabbit, [", f'[{{rabbit, [{{ssl_listeners, [{{"{HOST}", {port}}}]}}, {{ssl_options, [{options}]}}, ', 1
        )
    )
    try:
        await node.start()
        yield node, port
    finally:
        await node.stop()


def over_tls(url: str, port: int, host: str = HOST) -> SecretStr:
    user = url.removeprefix("amqp://").rpartition("@")[0]
    return SecretStr(f"amqps://{user}@{host}:{port}/")


async def test_gateway_and_writer_work_over_tls(
    tls_rabbitmq: tuple[Rabbitmq, int], addresses: Addresses, authority: Authority
) -> None:
    node, port = tls_rabbitmq
    ca_file = authority.certificate
    gateway = GatewaySettings(
        rabbitmq_url=over_tls(node.user_urls["gateway"], port),
        rabbitmq_ca_file=ca_file,
        reader_url=HttpUrl("http://unused"),
        port=0,
    )
    writer = WriterSettings(
        rabbitmq_url=over_tls(node.user_urls["task-writer"], port),
        rabbitmq_ca_file=ca_file,
        writer_database_url=SecretStr(addresses.writer),
    )
    async with open_writer(writer), open_write_lanes(gateway) as lanes:

        async def works() -> bool:
            return (await lanes.commands.call(plain(create()))).status == "done"

        await eventually(works)


def list_dead_letters(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [str(EXECUTABLE), "dead-letters", "list"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)


@dataclass(frozen=True)
class Case:
    """Where the operator looks for RabbitMQ, and by whose CA."""

    host: str
    ours: bool
    said: str


@pytest.mark.parametrize(
    "case",
    [
        Case(HOST, ours=True, said="No dead letters."),
        Case(HOST, ours=False, said="CERTIFICATE_VERIFY_FAILED"),
        Case("localhost", ours=True, said="CERTIFICATE_VERIFY_FAILED"),
    ],
    ids=["ours", "another CA", "another host"],
)
async def test_the_operator_sees_a_rabbitmq_that_is_certified_and_no_other(
    tls_rabbitmq: tuple[Rabbitmq, int], authority: Authority, stranger: Authority, case: Case
) -> None:
    node, port = tls_rabbitmq
    environment = {
        "PATH": os.environ["PATH"],
        "RABBITMQ_URL": over_tls(node.user_urls["operator"], port, case.host).get_secret_value(),
        "RABBITMQ_CA_FILE": str((authority if case.ours else stranger).certificate),
    }
    listed = await asyncio.to_thread(list_dead_letters, environment)

    assert case.said in listed.stdout + listed.stderr
    assert (listed.returncode == 0) is (case.said == "No dead letters.")

"""Real servers for the tests, started once, by the code that `make run` uses."""

import gc
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from common.postgres.database import Database, open_database
from local_stack.database import create_owner_and_database, role_url
from local_stack.ports import pick_port
from local_stack.postgres import Postgres, running_postgres
from local_stack.rabbitmq import Rabbitmq, running_rabbitmq
from local_stack.rabbitmq_programs import chosen
from local_stack.settings import StackSettings
from local_stack.stack import Stack, running_stack
from local_stack.state import State, open_state
from pydantic import SecretStr
from task_reader.settings import ReaderSettings
from task_writer.migrate import migrate
from task_writer.settings import MigrationSettings, WriterSettings

WRITER_PASSWORD = "writer-password"  # noqa: S105 - of servers that live as long as the tests
READER_PASSWORD = "reader-password"  # noqa: S105


@dataclass(frozen=True)
class Addresses:
    """One migrated database, addressed as each of its roles."""

    owner: str
    writer: str
    reader: str

    @classmethod
    def of(cls, owner_url: str) -> "Addresses":
        return cls(
            owner=owner_url,
            writer=role_url(owner_url, "taskwire_writer", WRITER_PASSWORD),
            reader=role_url(owner_url, "taskwire_reader", READER_PASSWORD),
        )

    def migration_settings(self) -> MigrationSettings:
        return MigrationSettings(
            database_url=SecretStr(self.owner),
            writer_database_url=SecretStr(self.writer),
            reader_database_url=SecretStr(self.reader),
        )


# The cluster of containers is apart from faults and other containers: all have limits of time, and need both cores.
LONGEST_FIRST = (
    "tests/containers/test_compose.py",
    *("tests/faults/", "tests/observability/", "tests/integration/"),
    *("tests/containers/test_cluster.py", "tests/fuzz/", "tests/local_stack/", "tests/benchmarks/"),
    *("tests/containers/", "tests/deploy/"),
)
RABBITMQ_OF_WORKERS = pytest.StashKey[list[str]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest modules come first, so that the processes of `make test`, which share the modules, end together."""

    def place(item: pytest.Item) -> int:
        places = (place for place, begin in enumerate(LONGEST_FIRST) if item.nodeid.startswith(begin))
        return next(places, len(LONGEST_FIRST))

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Leaves the collected tests and all modules out of garbage collections, which would stop a test for 0.5 s."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist tells the main process which RabbitMQ its tests ran on."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["rabbitmq"] = list(map(str, chosen()))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Keeps it for the summary; a worker that crashed has told nothing."""
    told = getattr(node, "workeroutput", {}).get("rabbitmq", [])
    node.config.stash.setdefault(RABBITMQ_OF_WORKERS, []).extend(told)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names the RabbitMQ that tests ran on, if any did."""
    of_workers = terminalreporter.config.stash.get(RABBITMQ_OF_WORKERS, [])
    for programs in dict.fromkeys([*map(str, chosen()), *of_workers]):
        terminalreporter.write_line(f"RabbitMQ {programs}")


@pytest.fixture(scope="session")
async def state(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[State]:
    async with open_state(tmp_path_factory.mktemp("servers")) as opened:
        yield opened


@pytest.fixture(scope="session")
async def postgres(state: State) -> AsyncIterator[Postgres]:
    async with running_postgres(state) as server:
        yield server


@pytest.fixture(scope="session")
async def rabbitmq(state: State) -> AsyncIterator[Rabbitmq]:
    async with running_rabbitmq(state) as node:
        yield node


def stack_settings(directory: Path) -> StackSettings:
    """A whole system with servers of its own, whatever the environment says."""
    return StackSettings(
        stack_dir=directory,
        gateway_port=pick_port(),
        admin_port=pick_port(),
        database_url=None,
        rabbitmq_url=None,
    )


PATIENT = dict.fromkeys(("WRITE_DEADLINE_S", "READ_TIMEOUT_S", "BUS_START_TIMEOUT_S"), "6")
"""For tests that are not about these limits: whatever runs beside them may take both cores for seconds."""


@asynccontextmanager
async def running_stack_with(variables: Mapping[str, str], directory: Path) -> AsyncIterator[Stack]:
    """A whole system whose services have these variables in their environment."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in variables.items():
            environment.setenv(name, value)
        async with running_stack(stack_settings(directory)) as running:
            yield running


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """The running system. Tests that break parts of a system start one of their own."""
    async with AsyncExitStack() as opened:
        with pytest.MonkeyPatch.context() as environment:  # of this stack alone: it is read while that starts
            for name, value in PATIENT.items():
                environment.setenv(name, value)
            running = running_stack(stack_settings(tmp_path_factory.mktemp("stack")))
            stack = await opened.enter_async_context(running)
        yield stack


@pytest.fixture(scope="session")
def gateway_url(request: pytest.FixtureRequest) -> str:
    """The gateway at TEST_GATEWAY_URL, wherever that runs; without it, that of a system of its own."""
    if given := os.environ.get("TEST_GATEWAY_URL"):
        return given
    stack: Stack = request.getfixturevalue("stack")
    return stack.addresses.gateway_url


async def new_database(server: Postgres, name: str) -> str:
    """The owner's address of a new, empty database on `server`."""
    owner_url = server.owner_url.rpartition("/")[0] + f"/{name}"
    await create_owner_and_database(server.superuser_url, owner_url)
    return owner_url


@pytest.fixture(scope="session")
async def addresses(postgres: Postgres) -> Addresses:
    """A migrated database that all tests share; each test works under user ids of its own."""
    shared = Addresses.of(await new_database(postgres, "shared"))
    migrate(shared.migration_settings())
    return shared


def writer_settings(addresses: Addresses, rabbitmq_url: str = "amqp://unused") -> WriterSettings:
    return WriterSettings(writer_database_url=SecretStr(addresses.writer), rabbitmq_url=SecretStr(rabbitmq_url))


@pytest.fixture(scope="session")
async def writer_database(addresses: Addresses) -> AsyncIterator[Database]:
    """The database as the task-writer sees it."""
    settings = writer_settings(addresses)
    async with open_database(settings.writer_database_url, settings) as database:
        yield database


@pytest.fixture(scope="session")
async def reader_database(addresses: Addresses) -> AsyncIterator[Database]:
    """The database as the task-reader sees it."""
    settings = ReaderSettings(reader_database_url=SecretStr(addresses.reader), port=0)
    async with open_database(settings.reader_database_url, settings) as database:
        yield database


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).parents[1]


@pytest.fixture
async def owner(addresses: Addresses) -> AsyncIterator[psycopg.AsyncConnection]:
    """A connection as the owner, whom row-level security binds too."""
    async with await psycopg.AsyncConnection.connect(addresses.owner, autocommit=True) as connection:
        yield connection

"""The systems that are measured side by side: the product, and the opponents on databases of the same server."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import psycopg
from local_stack.database import create_owner_and_database
from local_stack.ports import pick_port
from local_stack.postgres import Postgres
from local_stack.probes import listens
from local_stack.services import reads_through
from local_stack.settings import StackSettings, server_environment, service_environment
from local_stack.stack import Stack, running_stack
from local_stack.state import State
from local_stack.supervision import Process, Program, Report, silent

from benchmarks.dataset import SCHEMA, Group, fill
from benchmarks.load import ROOT
from benchmarks.peers import WORKERS, Peer

READY_WITHIN_S = 30.0


@dataclass(frozen=True)
class System:
    """Something that answers the API, with the processes whose CPU time its requests cost.

    `tokens` is the file of what its users have to bear, where it asks for that.
    """

    name: str
    url: str
    processes: Mapping[str, Process]
    tokens: Path | None = None

    def pids(self) -> dict[str, int | None]:
        """The root of each process tree."""
        return {name: process.pid for name, process in self.processes.items()}


@asynccontextmanager
async def running_product(directory: Path, report: Report = silent) -> AsyncIterator[Stack]:
    """The product on servers of its own, whatever the environment says."""
    settings = StackSettings(
        stack_dir=directory,
        gateway_port=pick_port(),
        admin_port=pick_port(),
        database_url=None,
        rabbitmq_url=None,
    )
    async with running_stack(settings, report) as stack:
        yield stack


def own_postgres(stack: Stack) -> Postgres:
    """The stack's own PostgreSQL server, which running_product always has."""
    assert stack.postgres is not None  # noqa: S101
    return stack.postgres


def product(stack: Stack, name: str = "product", tokens: Path | None = None) -> System:
    """The product as a measured system."""
    assert stack.rabbitmq is not None  # noqa: S101 - running_product starts its own
    processes = {**stack.services, "rabbitmq": stack.rabbitmq.process, "postgres": own_postgres(stack).process}
    return System(name, stack.addresses.gateway_url, processes, tokens)


async def restart_services(stack: Stack, variables: Mapping[str, str]) -> None:
    """Restarts the services with these variables instead; they need a moment to be ready."""
    for service in stack.services.values():
        await service.stop()
        service.program = replace(service.program, environment={**service.program.environment, **variables})
        await service.start()


def database_url(server_url: str, name: str) -> str:
    """The same server and role, another database."""
    return f"{server_url.rpartition('/')[0]}/{name}"


async def make_database(postgres: Postgres, name: str, *groups: Group) -> str:
    """The owner's address of a new database with the opponents' table and these rows."""
    owner_url = database_url(postgres.owner_url, name)
    await create_owner_and_database(postgres.superuser_url, owner_url)
    async with await psycopg.AsyncConnection.connect(owner_url, autocommit=True) as connection:
        await connection.execute(SCHEMA)
    await fill(database_url(postgres.superuser_url, name), *groups)
    return owner_url


@asynccontextmanager
async def running_opponent(
    postgres: Postgres, state: State, opponent: str | Peer, *groups: Group
) -> AsyncIterator[System]:
    """The Python opponent of that name, or a peer, on a database of its own with these rows."""
    name = opponent.name if isinstance(opponent, Peer) else opponent
    owner_url = await make_database(postgres, name, *groups)
    async with serving_opponent(state, opponent, owner_url) as (url, process):
        yield System(name, url, {"workers": process, "postgres": postgres.process})


@asynccontextmanager
async def serving_opponent(
    state: State, opponent: str | Peer, its_database_url: str
) -> AsyncIterator[tuple[str, Process]]:
    """The same on a database that has its table; its address."""
    environment = {"DATABASE_URL": its_database_url}
    start = (
        running_peer(state, opponent, environment)
        if isinstance(opponent, Peer)
        else running_app(state, opponent, workers=WORKERS, environment=environment)
    )
    async with start as (url, process):
        await process.wait_ready(partial(reads_through, url), within_s=READY_WITHIN_S)
        yield url, process


@asynccontextmanager
async def running_app(
    state: State, name: str, *, workers: int, environment: Mapping[str, str]
) -> AsyncIterator[tuple[str, Process]]:
    """An app of benchmarks.opponents under uvicorn, with the same loop and parser as the product; its address."""
    port = pick_port()
    variables = {**service_environment(), "PYTHONPATH": str(ROOT), **environment}
    program = Program(f"{name}-{workers}", uvicorn_arguments(name, workers, port), variables)
    async with _running(state, program, port) as running:
        yield running


@asynccontextmanager
async def running_peer(state: State, peer: Peer, environment: Mapping[str, str]) -> AsyncIterator[tuple[str, Process]]:
    """A peer; its address."""
    port = pick_port()
    variables = {**server_environment(), **peer.environment, "PORT": str(port), **environment}
    async with _running(state, Program(peer.name, peer.arguments, variables), port) as running:
        yield running


@asynccontextmanager
async def _running(state: State, program: Program, port: int) -> AsyncIterator[tuple[str, Process]]:
    process = Process(program, state)
    await process.start()
    try:
        await process.wait_ready(partial(listens, port), within_s=READY_WITHIN_S)
        yield f"http://127.0.0.1:{port}", process
    finally:
        await process.stop()


def uvicorn_arguments(name: str, workers: int, port: int) -> tuple[str, ...]:
    """The command line of an opponent: everything that uvicorn can do for speed, as the product has it."""
    app = ("--factory", f"benchmarks.opponents.{name}:create_app", "--workers", str(workers), "--port", str(port))
    return (
        *(sys.executable, "-m", "uvicorn", *app),
        *("--loop", "uvloop", "--http", "httptools", "--ws", "none"),
        *("--no-access-log", "--no-server-header", "--log-level", "warning"),
    )

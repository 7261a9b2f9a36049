"""The system that is hurt: a whole stack, with a second writer, and a line under each of its connections."""

import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from local_stack.ports import pick_port
from local_stack.postgres import Postgres
from local_stack.rabbitmq import Rabbitmq
from local_stack.settings import StackSettings
from local_stack.stack import Stack, prepare_stack
from local_stack.state import open_state
from local_stack.supervision import Process, Program, Report

from faults.lines import Line


@dataclass(frozen=True)
class System:
    """A running stack. `lines` by name; `writers` are two, the first being that of the stack."""

    stack: Stack
    postgres: Postgres
    rabbitmq: Rabbitmq
    writers: tuple[Process, Process]
    lines: Mapping[str, Line]

    @property
    def gateway_url(self) -> str:
        return self.stack.addresses.gateway_url

    def process(self, part: str) -> Process:
        """The process that a fault of this part hits; of the writers the second."""
        servers = {"postgres": self.postgres.process, "rabbitmq": self.rabbitmq.process, "task-writer": self.writers[1]}
        return servers[part] if part in servers else self.stack.services[part]


@asynccontextmanager
async def running_system(directory: Path, report: Report) -> AsyncIterator[System]:
    """A ready system on servers of its own in `directory`, whatever the environment says; its logs outlive it."""
    settings = StackSettings(
        stack_dir=directory,
        gateway_port=pick_port(),
        admin_port=pick_port(),
        database_url=None,
        rabbitmq_url=None,
    )
    async with open_state(directory) as state:
        stack = await prepare_stack(settings, state, report)
        system = _with_lines(stack, report)
        try:
            for line in system.lines.values():
                await line.open()
            _lead_through(system)
            await system.stack.start()
            await system.writers[1].start()
            yield system
        finally:
            await system.writers[1].stop()
            await system.stack.stop()
            for line in system.lines.values():
                line.close()
    for data in ("postgres", "rabbitmq"):
        shutil.rmtree(directory / data, ignore_errors=True)


def _with_lines(stack: Stack, report: Report) -> System:
    assert stack.postgres is not None  # noqa: S101 - it was asked for without addresses
    assert stack.rabbitmq is not None  # noqa: S101
    reader_port = urlsplit(stack.addresses.reader_url).port or 0
    ports = {"reader": reader_port, "rabbitmq": stack.rabbitmq.port, "postgres": stack.postgres.port}
    names = ("gateway-reader", "gateway-rabbitmq", "writer-rabbitmq", "writer-postgres", "reader-postgres")
    lines = {name: Line(ports[name.partition("-")[2]]) for name in names}
    writer = stack.services["task-writer"]
    second_program = _with_environment(replace(writer.program, name="task-writer-2"), {"ADMIN_PORT": ""})
    second = Process(second_program, stack.state, report)
    return System(stack, stack.postgres, stack.rabbitmq, (writer, second), lines)


def _lead_through(system: System) -> None:
    """Gives every service the lines' addresses in place of the servers' own."""
    lines = {
        "gateway": {"READER_URL": "gateway-reader", "RABBITMQ_URL": "gateway-rabbitmq"},
        "task-reader": {"READER_DATABASE_URL": "reader-postgres"},
        "task-writer": {"WRITER_DATABASE_URL": "writer-postgres", "RABBITMQ_URL": "writer-rabbitmq"},
    }
    for process in (*system.stack.services.values(), system.writers[1]):
        changed = {
            variable: _at_port(process.program.environment[variable], system.lines[name].port)
            for variable, name in lines[process.program.arguments[0].rpartition("/")[2]].items()
        }
        process.program = _with_environment(process.program, changed)


def _with_environment(program: Program, changed: Mapping[str, str]) -> Program:
    return replace(program, environment={**program.environment, **changed})


def _at_port(url: str, port: int) -> str:
    """The same address at another port of this machine."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{port}").geturl()

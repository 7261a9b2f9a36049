"""The system under test: a whole stack with a second replica of each service, and a line under each connection."""

import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from gateway.settings import GatewaySettings
from local_stack.ports import pick_port
from local_stack.postgres import Postgres
from local_stack.probes import http_status
from local_stack.rabbitmq import Rabbitmq
from local_stack.settings import StackSettings
from local_stack.stack import Stack, prepare_stack
from local_stack.state import open_state, remembered_port
from local_stack.supervision import Process, Program, Report
from local_stack.waiting import until

from faults.lines import Line
from faults.schedule import SERVICES

_READY_WITHIN_S = 60.0
_OK = 200


@dataclass(frozen=True)
class System:
    """A running stack. `lines` by name; two `replicas` of each service, the first being that of the stack.

    Behind the line from the gateways to the readers are both readers, in turn, as behind a service of Kubernetes.
    """

    stack: Stack
    postgres: Postgres
    rabbitmq: Rabbitmq
    replicas: Mapping[str, tuple[Process, Process]]
    lines: Mapping[str, Line]

    @property
    def gateway_urls(self) -> tuple[str, str]:
        first, second = (f"http://127.0.0.1:{port(process)}" for process in self.replicas["gateway"])
        return first, second

    def process(self, part: str, replica: int) -> Process:
        """The process that a fault of this part hits; of a server there is one alone."""
        servers = {"postgres": self.postgres.process, "rabbitmq": self.rabbitmq.process}
        return servers[part] if part in servers else self.replicas[part][replica]

    @property
    def write_deadline_s(self) -> float:
        """As the gateways have it, whatever the settings of this process."""
        return write_deadline_s(self.replicas["gateway"][0].program.environment)

    async def is_ready(self) -> bool:
        """Whether every replica says so."""
        for processes in self.replicas.values():
            for process in processes:
                if not await says_ready(process):
                    return False
        return True


def write_deadline_s(environment: Mapping[str, str]) -> float:
    """The write deadline of a gateway with these variables."""
    given = {name.lower(): value for name, value in environment.items() if name.lower() in GatewaySettings.model_fields}
    return GatewaySettings.model_validate(given).write_deadline_s


def port(process: Process) -> int:
    """Where a gateway or a reader listens."""
    return int(process.program.environment["PORT"])


async def says_ready(process: Process) -> bool:
    """Whether a service's /readyz says that it is ready."""
    admin_port = process.program.environment["ADMIN_PORT"]
    return await http_status("GET", f"http://127.0.0.1:{admin_port}/readyz") == _OK


@asynccontextmanager
async def running_system(directory: Path, report: Report) -> AsyncIterator[System]:
    """A ready system on servers of its own in `directory`, whatever the environment says; its logs outlive it."""
    settings = StackSettings(
        stack_dir=directory, gateway_port=pick_port(), admin_port=pick_port(), database_url=None, rabbitmq_url=None
    )
    async with open_state(directory) as state:
        stack = await prepare_stack(settings, state, report)
        system = _with_lines(stack, report)
        try:
            for line in system.lines.values():
                await line.open()
            _lead_through(system)
            await system.stack.start()
            for _, second in system.replicas.values():
                await second.start()
            await until(system.is_ready, within_s=_READY_WITHIN_S)
            yield system
        finally:
            for _, second in system.replicas.values():
                await second.stop()
            await system.stack.stop()
            for line in system.lines.values():
                line.close()
    for data in ("postgres", "rabbitmq"):
        shutil.rmtree(directory / data, ignore_errors=True)


def _with_lines(stack: Stack, report: Report) -> System:
    assert stack.postgres is not None  # noqa: S101 - it was asked for without addresses
    assert stack.rabbitmq is not None  # noqa: S101
    replicas = {name: (stack.services[name], second_replica(stack, name, report)) for name in SERVICES}
    readers = [port(process) for process in replicas["task-reader"]]
    ports = {"reader": readers, "rabbitmq": [stack.rabbitmq.port], "postgres": [stack.postgres.port]}
    names = ("gateway-reader", "gateway-rabbitmq", "writer-rabbitmq", "writer-postgres", "reader-postgres")
    lines = {name: Line(*ports[name.partition("-")[2]]) for name in names}
    return System(stack, stack.postgres, stack.rabbitmq, replicas, lines)


def second_replica(stack: Stack, name: str, report: Report) -> Process:
    """Another of the service, on ports of its own, which nobody else gets until it listens; not started."""
    program = replace(stack.services[name].program, name=f"{name}-2")
    changed = {
        variable: str(remembered_port(stack.state, f"{program.name} {variable}"))
        for variable in ("PORT", "ADMIN_PORT")
        if variable in program.environment
    }
    return Process(with_environment(program, changed), stack.state, report)


def _lead_through(system: System) -> None:
    """Gives every service the lines' addresses instead of the servers'."""
    lines = {
        "gateway": {"READER_URL": "gateway-reader", "RABBITMQ_URL": "gateway-rabbitmq"},
        "task-reader": {"READER_DATABASE_URL": "reader-postgres"},
        "task-writer": {"WRITER_DATABASE_URL": "writer-postgres", "RABBITMQ_URL": "writer-rabbitmq"},
    }
    for name, processes in system.replicas.items():
        for process in processes:
            changed = {
                variable: _at_port(process.program.environment[variable], system.lines[line].port)
                for variable, line in lines[name].items()
            }
            process.program = with_environment(process.program, changed)


def with_environment(program: Program, changed: Mapping[str, str]) -> Program:
    """The program with other values for these variables."""
    return replace(program, environment={**program.environment, **changed})


def _at_port(url: str, port: int) -> str:
    """The same address at another port of this machine."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{port}").geturl()

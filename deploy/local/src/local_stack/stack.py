"""The whole stack: its parts, and the order in which they start and stop."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from local_stack.addresses import Addresses, find_addresses, write_environment_file
from local_stack.errors import StackError
from local_stack.ports import is_free
from local_stack.postgres import Postgres, prepare_postgres
from local_stack.rabbitmq import Rabbitmq, prepare_rabbitmq
from local_stack.services import migrate, service_probes, service_programs
from local_stack.settings import StackSettings
from local_stack.state import State, open_state
from local_stack.supervision import Process, Report, silent
from local_stack.waiting import Probe

_SERVICE_READY_WITHIN_S = 60.0


@dataclass(frozen=True)
class Stack:
    """All parts of one stack. It has no server of its own where the settings name another."""

    state: State
    report: Report
    addresses: Addresses
    postgres: Postgres | None
    rabbitmq: Rabbitmq | None
    services: dict[str, Process]  # gateway, task-reader, task-writer
    probes: dict[str, Probe]

    async def start(self) -> None:
        """Returns once each service says that all it needs is up. StackError when a part fails; `stop` it then too."""
        await self.services["gateway"].start()  # it needs nothing but addresses to load its code and to listen
        try:
            async with asyncio.TaskGroup() as parts:
                parts.create_task(self._start_bus())
                parts.create_task(self._start_database_and_services())
            if self.rabbitmq is not None:
                await self.rabbitmq.wait_queues_kept()
        except* StackError as failures:
            first = _first(failures)
        else:
            return
        raise first

    async def stop(self) -> None:
        """Stops the services, then RabbitMQ, then PostgreSQL, each within its limit; the data stay."""
        async with AsyncExitStack() as last_to_first:
            for part in (self.postgres, self.rabbitmq):
                if part is not None:
                    last_to_first.push_async_callback(part.stop)
            for name in ("task-reader", "task-writer", "gateway"):
                last_to_first.push_async_callback(self.services[name].stop)

    def kill(self) -> None:
        """SIGKILL to every process at once. Data survive, as in a power cut."""
        for process in self.processes():
            process.kill_group()

    def processes(self) -> Iterable[Process]:
        """Every supervised process of the stack, epmd included."""
        yield from self.services.values()
        if self.rabbitmq is not None:
            yield from (self.rabbitmq.process, self.rabbitmq.epmd)
        if self.postgres is not None:
            yield self.postgres.process

    async def _start_bus(self) -> None:
        if self.rabbitmq is None:
            self.report(f"{'rabbitmq':<12} the one at RABBITMQ_URL")
        else:
            await self._timed("rabbitmq", f"ready on 127.0.0.1:{self.rabbitmq.port}", self.rabbitmq.start())

    async def _start_database_and_services(self) -> None:
        if self.postgres is None:
            self.report(f"{'postgres':<12} the one at DATABASE_URL")
        else:
            await self._timed("postgres", f"ready on 127.0.0.1:{self.postgres.port}", self.postgres.start())
        await self._timed("migrations", "applied", migrate(self.state, self.addresses))
        for service in self.services.values():  # RabbitMQ may still be booting: they wait for it themselves
            await service.start()
        await self._wait_for_services()

    async def _wait_for_services(self) -> None:
        addresses = {"task-reader": self.addresses.reader_url, "gateway": self.addresses.gateway_url}
        async with asyncio.TaskGroup() as waits:
            for name, probe in self.probes.items():
                ready = self.services[name].wait_ready(probe, within_s=_SERVICE_READY_WITHIN_S)
                where = f"ready on {addresses[name]}" if name in addresses else "ready"
                waits.create_task(self._timed(name, where, ready))

    async def _timed(self, name: str, done: str, work: Awaitable[None]) -> None:
        began = time.monotonic()
        await work
        self.report(f"{name:<12} {done} ({time.monotonic() - began:.1f} s)")


async def prepare_stack(settings: StackSettings, state: State, report: Report = silent) -> Stack:
    """The stack, not started yet; its addresses stand in the state directory's `env`. StackError when it cannot be."""
    if not is_free(settings.gateway_port, settings.host):
        raise StackError(
            f"port {settings.gateway_port} on {settings.host} is taken: set GATEWAY_PORT to a free one and start again"
        )
    state.ports.take("gateway", settings.gateway_port)  # so that no other server is given it
    postgres = rabbitmq = None
    if settings.database_url is not None:
        database_url = settings.database_url.get_secret_value()
    else:
        postgres = await prepare_postgres(state, report)
        database_url = postgres.owner_url
    if settings.rabbitmq_url is not None:
        rabbitmq_url = settings.rabbitmq_url.get_secret_value()
    else:
        rabbitmq = await prepare_rabbitmq(state, report, line=settings.stack_rabbitmq)
        rabbitmq_url = rabbitmq.url
    users = rabbitmq.user_urls if rabbitmq is not None else {}
    addresses = find_addresses(
        settings, state, database_url=database_url, rabbitmq_url=rabbitmq_url, rabbitmq_users=users
    )
    write_environment_file(state, addresses)
    programs = service_programs(settings, addresses)
    services = {name: Process(program, state, report) for name, program in programs.items()}
    return Stack(state, report, addresses, postgres, rabbitmq, services, service_probes(addresses))


def _first(failures: BaseExceptionGroup[StackError]) -> StackError:
    """The first failure; the others follow from it, or show once it is fixed."""
    failure = failures.exceptions[0]
    return _first(failure) if isinstance(failure, BaseExceptionGroup) else failure


@asynccontextmanager
async def running_stack(settings: StackSettings, report: Report = silent) -> AsyncIterator[Stack]:
    """A ready stack in the settings' state directory; stopped on exit."""
    async with open_state(settings.stack_dir) as state:
        stack = await prepare_stack(settings, state, report)
        try:
            await stack.start()
            yield stack
        finally:
            await stack.stop()

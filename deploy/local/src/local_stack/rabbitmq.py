"""The stack's own RabbitMQ node and port mapper: nothing is shared, and nothing is left behind."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from local_stack.commands import run_to_end
from local_stack.probes import listens, speaks_amqp
from local_stack.rabbitmq_configuration import Ports, base_folder, node_environment, write_configuration
from local_stack.rabbitmq_programs import Installing, rabbitmq_programs
from local_stack.rabbitmq_users import ADMINISTRATOR, definitions, user_passwords
from local_stack.settings import NodeSettings
from local_stack.state import State, remembered_port
from local_stack.supervision import Process, Program, Report, silent

_EPMD_READY_WITHIN_S = 10.0
_READY_WITHIN_S = 60.0
_QUEUES_KEPT_WITHIN_S = 10.0
_CTL_WITHIN_S = 20.0


@dataclass(frozen=True)
class Rabbitmq:
    """An own node: AMQP on loopback only, no plugins, no guest, data in the state directory."""

    version: tuple[int, ...]  # (3, 10, 8)
    process: Process
    epmd: Process
    epmd_port: int
    port: int
    url: str  # of the administrator, who may do everything
    user_urls: Mapping[str, str]  # of each service's own user, by its name
    directory: Path  # the state directory, where the node's configuration is named from
    data: Path
    ctl: Program

    async def control(self, *arguments: str) -> str:
        """The output of the node's `rabbitmqctl`, after 1 to 3 s. StackError when it fails."""
        return await run_to_end(
            (*self.ctl.arguments, "--quiet", *arguments),
            environment=self.ctl.environment,
            directory=self.directory,
            within_s=_CTL_WITHIN_S,
        )

    async def start(self) -> None:
        """Returns once it answers AMQP. PartFailed when it does not come up."""
        await self.epmd.start()
        await self.epmd.wait_ready(partial(listens, self.epmd_port), within_s=_EPMD_READY_WITHIN_S)
        await self.process.start()
        await self.wait_ready()

    async def wait_ready(self) -> None:
        """Returns once it answers AMQP, for example after a kill; PartFailed after 60 s."""
        await self.process.wait_ready(partial(speaks_amqp, self.port), within_s=_READY_WITHIN_S)

    async def wait_queues_kept(self) -> None:
        """Returns once every quorum queue would survive a kill of the node, 1 s after the last one was declared.

        Until then RabbitMQ holds the names of new quorum queues in memory alone (`names.dets`, saved after a pause).
        One that is lost comes back empty, and no leader is ever elected for it: rabbitmq/rabbitmq-server#10070.
        PartFailed after 10 s.
        """

        async def kept() -> bool:
            return _names_all_queues(self.data)

        await self.process.wait_ready(kept, within_s=_QUEUES_KEPT_WITHIN_S)

    async def stop(self) -> None:
        """Stops the node gracefully, then its port mapper. Durable queues and their messages stay."""
        if not await speaks_amqp(self.port):
            self.process.kill_group()  # while it boots, it takes SIGTERM for a reason to hang
        await self.process.stop()
        await self.epmd.stop()


@asynccontextmanager
async def running_rabbitmq(
    state: State, report: Report = silent, *, line: str | None = None
) -> AsyncIterator[Rabbitmq]:
    """A ready node with an empty or earlier virtual host `/`; stopped on exit."""
    node = await prepare_rabbitmq(state, report, line=line)
    try:
        await node.start()
        yield node
    finally:
        await node.stop()


async def prepare_rabbitmq(state: State, report: Report = silent, *, line: str | None = None) -> Rabbitmq:
    """The node, not started yet, of the line of releases such as `3.10`; without one, of STACK_RABBITMQ's.

    Where no RabbitMQ is installed this brings one, as `rabbitmq_programs` says, which takes up to minutes.
    """
    settings = NodeSettings()
    installing = Installing(settings.stack_install, state.log_file("install"))
    programs = await rabbitmq_programs(line or settings.stack_rabbitmq, report, installing)
    report(f"{'rabbitmq':<12} {programs}")
    ports = Ports(*(remembered_port(state, f"rabbitmq-{use}") for use in ("amqp", "distribution", "epmd")))
    passwords = user_passwords(state)
    urls = {user: f"amqp://{user}:{word}@127.0.0.1:{ports.amqp}/" for user, word in passwords.items()}
    home = state.path / "rabbitmq"
    home.mkdir(mode=0o700, exist_ok=True)
    data = home / base_folder(programs.version) / "data"
    _report_other_data(home, data, report)
    write_configuration(home, definitions(passwords))
    environment = node_environment(state, programs, ports)

    def program(name: str, file: Path) -> Program:
        arguments = programs.arguments(file, state.path)
        return Program(name=name, arguments=arguments, environment=environment, stop_within_s=20.0)

    return Rabbitmq(
        version=programs.version,
        process=Process(program("rabbitmq", programs.server), state, report),
        epmd=Process(program("epmd", programs.epmd), state, report),
        epmd_port=ports.epmd,
        port=ports.amqp,
        url=urls.pop(ADMINISTRATOR),
        user_urls=urls,
        directory=state.path,
        data=data,
        ctl=program("rabbitmqctl", programs.ctl),
    )


def _report_other_data(home: Path, data: Path, report: Report) -> None:
    """RabbitMQ 4 does not start on what RabbitMQ 3.10 has written, so each has data of its own."""
    others = [str(other) for pattern in ("data", "v*/data") for other in home.glob(pattern)]
    if others and not data.exists():
        report(f"{'rabbitmq':<12} starts empty: messages of another release stay in {', '.join(others)}")


def _names_all_queues(data: Path) -> bool:
    """Whether the file that names the quorum queues has the directory of each of them."""
    return all(
        directory.name.encode() in names.read_bytes()
        for names in data.glob("quorum/*/names.dets")
        for directory in names.parent.iterdir()
        if directory.is_dir()
    )

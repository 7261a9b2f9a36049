"""A RabbitMQ node of its own, with a port mapper of its own, so that nothing is shared and nothing is left behind."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from local_stack.commands import run_to_end
from local_stack.probes import listens, speaks_amqp
from local_stack.rabbitmq_programs import RabbitmqPrograms, rabbitmq_programs
from local_stack.rabbitmq_users import ADMINISTRATOR, definitions, user_passwords
from local_stack.settings import server_environment
from local_stack.state import State, remembered, remembered_port, write_private
from local_stack.supervision import Process, Program, Report, silent

_EPMD_READY_WITHIN_S = 10.0
_READY_WITHIN_S = 60.0
_QUEUES_KEPT_WITHIN_S = 10.0
_CTL_WITHIN_S = 20.0

# RabbitMQ asks every module of every application for its attributes while it boots, and Erlang then loads them one by
# one. Loading them in one go first takes its boot from 5.5 s to 1.7 s (RabbitMQ 3.10, 2 cores). Without spaces,
# because RabbitMQ's start script splits its arguments at them.
_LOAD_MODULES = (
    "application:load(rabbit),"
    "{ok,Needed}=application:get_key(rabbit,applications),"
    "lists:foreach(fun(Needs)->application:load(Needs)end,Needed),"
    "code:ensure_modules_loaded(lists:append([Modules||{App,_,_}<-application:loaded_applications(),"
    "{ok,Modules}<-[application:get_key(App,modules)]]))"
)


@dataclass(frozen=True)
class _Ports:
    amqp: int
    distribution: int
    epmd: int


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
    data: Path
    ctl: Program

    async def control(self, *arguments: str) -> str:
        """What `rabbitmqctl` of the node's own release prints, after 1 to 3 s. StackError when it fails."""
        return await run_to_end(
            (*self.ctl.arguments, "--quiet", *arguments),
            environment=self.ctl.environment,
            directory=self.data.parent.parent,  # where the node's configuration is named from
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
        """Stops the node in good order, then its port mapper. Durable queues and their messages stay."""
        if not await speaks_amqp(self.port):
            self.process.kill_group()  # while it boots, it takes SIGTERM for a reason to hang
        await self.process.stop()
        await self.epmd.stop()


@asynccontextmanager
async def running_rabbitmq(state: State, report: Report = silent) -> AsyncIterator[Rabbitmq]:
    """A ready node with an empty or former virtual host `/`; stopped on the way out."""
    node = await prepare_rabbitmq(state, report)
    try:
        await node.start()
        yield node
    finally:
        await node.stop()


async def prepare_rabbitmq(state: State, report: Report = silent) -> Rabbitmq:
    """The node, not started yet. As root on a Debian without RabbitMQ this installs it, which takes a minute."""
    programs = await rabbitmq_programs(report)
    ports = _Ports(*(remembered_port(state, f"rabbitmq-{use}") for use in ("amqp", "distribution", "epmd")))
    passwords = user_passwords(state)
    urls = {user: f"amqp://{user}:{word}@127.0.0.1:{ports.amqp}/" for user, word in passwords.items()}
    home = state.path / "rabbitmq"
    home.mkdir(mode=0o700, exist_ok=True)
    _write_configuration(home, definitions(passwords))
    environment = _node_environment(state, home, ports)
    return Rabbitmq(
        version=programs.version,
        process=Process(_node_program(programs, environment), state, report),
        epmd=Process(_epmd_program(programs, environment), state, report),
        epmd_port=ports.epmd,
        port=ports.amqp,
        url=urls.pop(ADMINISTRATOR),
        user_urls=urls,
        data=home / "data",
        ctl=Program(name="rabbitmqctl", arguments=(str(programs.ctl),), environment=environment),
    )


def _names_all_queues(data: Path) -> bool:
    """Whether the file that names the quorum queues has the directory of each of them."""
    return all(
        directory.name.encode() in names.read_bytes()
        for names in data.glob("quorum/*/names.dets")
        for directory in names.parent.iterdir()
        if directory.is_dir()
    )


def _node_program(programs: RabbitmqPrograms, environment: dict[str, str]) -> Program:
    return Program(name="rabbitmq", arguments=(str(programs.server),), environment=environment, stop_within_s=20.0)


def _epmd_program(programs: RabbitmqPrograms, environment: dict[str, str]) -> Program:
    return Program(name="epmd", arguments=(str(programs.epmd),), environment=environment)


def _write_configuration(home: Path, users: str) -> None:
    """The node's files. Its settings are Erlang's, not `rabbitmq.conf`, whose schemas take 0.5 s to read at each boot.

    The paths in it are seen from the state directory, in which the node runs.
    """
    write_private(home / "definitions.json", users)
    (home / "node.config").write_text(
        '[{rabbit, [{load_definitions, "rabbitmq/definitions.json"}, {disk_free_limit, 50000000}]}].\n'
    )
    (home / "enabled_plugins").write_text("[].\n")
    (home / "rabbitmq-env.conf").touch()  # in place of the machine's own in /etc/rabbitmq


def _node_environment(state: State, home: Path, ports: _Ports) -> dict[str, str]:
    """All that RabbitMQ's start script reads; nothing of the machine's own configuration comes through."""
    # The data belong to the node's name, so it is kept; it differs from every other stack's.
    node = remembered(state, "rabbitmq-node", lambda: f"taskwire-{os.urandom(4).hex()}@localhost")
    return {
        **server_environment(),
        "HOME": str(home),  # for the Erlang cookie
        "LANG": "C.UTF-8",
        "ERL_EPMD_PORT": str(ports.epmd),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": node,
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(ports.amqp),
        "RABBITMQ_DIST_PORT": str(ports.distribution),
        "RABBITMQ_MNESIA_BASE": str(home),
        "RABBITMQ_MNESIA_DIR": str(home / "data"),
        "RABBITMQ_LOG_BASE": str(home),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
        "RABBITMQ_CONF_ENV_FILE": str(home / "rabbitmq-env.conf"),
        "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "advanced.config"),
        "RABBITMQ_ALLOW_INPUT": "1",  # the script becomes the virtual machine, instead of waiting for it
        "RABBITMQ_NODE_ONLY": "1",  # the script leaves it to the arguments below to start RabbitMQ
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _erlang_arguments(node, ports),
    }


def _erlang_arguments(node: str, ports: _Ports) -> str:
    schedulers = min(os.process_cpu_count() or 1, 4)
    return " ".join(
        (
            "-noinput",
            f"+S {schedulers}:{schedulers}",
            # With its name given here, RabbitMQ need not start a second virtual machine to find out about epmd.
            f"-sname {node} -start_epmd false",
            f"-kernel inet_dist_listen_min {ports.distribution} -kernel inet_dist_listen_max {ports.distribution}",
            "-kernel inet_dist_use_interface {127,0,0,1}",
            "-config rabbitmq/node.config",  # from the state directory, whose own path may have spaces
            f"-eval {_LOAD_MODULES} -s rabbit boot",
        )
    )

"""A RabbitMQ node's own files, and the environment that its start script reads."""

import os
from dataclasses import dataclass
from pathlib import Path

from local_stack.rabbitmq_programs import RabbitmqPrograms
from local_stack.state import State, remembered, write_private

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
class Ports:
    """The loopback ports that a node and its port mapper listen on."""

    amqp: int
    distribution: int
    epmd: int


def write_configuration(home: Path, users: str) -> None:
    """The node's files. Its settings are Erlang's, not `rabbitmq.conf`, whose schemas take 0.5 s to read at each boot.

    The paths in it are seen from the state directory, in which the node runs.
    """
    write_private(home / "definitions.json", users)
    (home / "node.config").write_text(
        '[{rabbit, [{load_definitions, "rabbitmq/definitions.json"}, {disk_free_limit, 50000000}]}].\n'
    )
    (home / "enabled_plugins").write_text("[].\n")
    (home / "rabbitmq-env.conf").touch()  # in place of the machine's own in /etc/rabbitmq


def base_folder(version: tuple[int, ...]) -> str:
    """Where below the node's folder its data are, one for each major release: none starts on the data of another."""
    return f"v{version[0]}" if version >= (4,) else "."


def node_environment(state: State, programs: RabbitmqPrograms, ports: Ports) -> dict[str, str]:
    """All that RabbitMQ's start script reads; nothing of the machine's own configuration comes through."""
    # The data belong to the node's name, so it is kept; it differs from every other stack's.
    node = remembered(state, "rabbitmq-node", lambda: f"taskwire-{os.urandom(4).hex()}@localhost")
    home = programs.seen(state.path) / "rabbitmq"
    base = home / base_folder(programs.version)
    return {
        **programs.environment(),
        "HOME": str(home),  # for the Erlang cookie
        "LANG": "C.UTF-8",
        "ERL_EPMD_PORT": str(ports.epmd),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": node,
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(ports.amqp),
        "RABBITMQ_DIST_PORT": str(ports.distribution),
        "RABBITMQ_MNESIA_BASE": str(base),
        "RABBITMQ_MNESIA_DIR": str(base / "data"),
        "RABBITMQ_LOG_BASE": str(home),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
        "RABBITMQ_CONF_ENV_FILE": str(home / "rabbitmq-env.conf"),
        "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq"),
        "RABBITMQ_CONFIG_FILES": str(home / "conf.d"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "advanced.config"),
        "RABBITMQ_ALLOW_INPUT": "1",  # the script becomes the virtual machine, instead of waiting for it
        "RABBITMQ_NODE_ONLY": "1",  # the script leaves it to the arguments below to start RabbitMQ
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _erlang_arguments(node, ports),
    }


def _erlang_arguments(node: str, ports: Ports) -> str:
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

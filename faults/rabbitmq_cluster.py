"""A RabbitMQ cluster of three nodes on loopback: three processes, to be killed, frozen and cut off from each other."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from common.bus.topology import COMMANDS_NAME
from local_stack.rabbitmq import Rabbitmq, prepare_rabbitmq
from local_stack.rabbitmq_users import remember_passwords, user_passwords
from local_stack.state import State, open_state
from local_stack.supervision import Report, silent
from local_stack.waiting import until

NODES = 3
_FORMED_WITHIN_S = 60.0

# The last two, as docs/clusters.md has them: a frozen node is noticed by the others within seconds.
_CONFIGURATION = """[
  {rabbit, [
    {load_definitions, "rabbitmq/definitions.json"},
    {disk_free_limit, 50000000},
    {cluster_nodes, {[%s], disc}}
  ]},
  {kernel, [{net_ticktime, 5}]},
  {aten, [{poll_interval, 1000}]}
].
"""


@dataclass(frozen=True)
class Cluster:
    """Three nodes with the same users and one port mapper."""

    nodes: tuple[Rabbitmq, ...]

    @property
    def url(self) -> str:
        """The list of the nodes' addresses, of the administrator."""
        return ",".join(node.url for node in self.nodes)

    @property
    def user_urls(self) -> Mapping[str, str]:
        """The list of the nodes' addresses for each service's own user."""
        return {user: ",".join(node.user_urls[user] for node in self.nodes) for user in self.nodes[0].user_urls}

    async def start(self) -> None:
        """Starts all nodes at once, and returns when each sees all others."""
        await self.nodes[0].epmd.start()  # before the nodes, each of which would start it
        await asyncio.gather(*(node.start() for node in self.nodes))
        await until(self.is_whole, within_s=_FORMED_WITHIN_S)

    async def stop(self) -> None:
        """Ends all nodes, and then their port mapper."""
        for node in self.nodes:
            node.process.kill_group()
        await asyncio.gather(*(node.process.stop() for node in self.nodes))
        await self.nodes[0].epmd.stop()

    async def is_whole(self) -> bool:
        """Whether each node sees all others. Takes a second."""
        asked = (node.control("eval", "length(rabbit_nodes:list_running()).") for node in self.nodes)
        return {answer.strip() for answer in await asyncio.gather(*asked)} == {str(NODES)}

    async def leader(self, virtual_host: str = "/") -> Rabbitmq:
        """The node on which the leader of the command queue is."""
        columns = ("--no-table-headers", "--vhost", virtual_host, "name", "leader")
        listed = await self.nodes[0].control("list_queues", *columns)
        leaders = dict(line.split("\t") for line in listed.splitlines())
        return next(node for node in self.nodes if name_of(node) == leaders[COMMANDS_NAME])


def name_of(node: Rabbitmq) -> str:
    """The node's name in its cluster."""
    return node.process.program.environment["RABBITMQ_NODENAME"]


@asynccontextmanager
async def running_cluster(directory: Path, report: Report = silent) -> AsyncIterator[Cluster]:
    """A cluster without queues in `directory`, after about 15 s."""
    async with AsyncExitStack() as stack:
        folders = [directory / f"rabbitmq-{number}" for number in range(1, NODES + 1)]
        states = [await stack.enter_async_context(open_state(folder)) for folder in folders]
        cluster = await _prepare(states, report)
        stack.push_async_callback(cluster.stop)
        await cluster.start()
        yield cluster


async def _prepare(states: Sequence[State], report: Report) -> Cluster:
    first, *others = states
    for state in others:
        remember_passwords(state, user_passwords(first))
    nodes = [await prepare_rabbitmq(state, report) for state in states]
    cookie = secrets.token_hex(10).upper()
    for node in nodes:
        _configure(node, cookie, [name_of(one) for one in nodes])
    return Cluster(tuple(_at_port_mapper_of(nodes[0], node) for node in nodes))


def _configure(node: Rabbitmq, cookie: str, names: Sequence[str]) -> None:
    """Replaces the configuration of a node of its own by that of a member of the cluster."""
    home = node.directory / "rabbitmq"
    members = ",".join(f"'{name}'" for name in names)
    (home / "node.config").write_text(_CONFIGURATION % members)
    file = home / ".erlang.cookie"
    file.touch(mode=0o600)
    file.write_text(cookie)


def _at_port_mapper_of(first: Rabbitmq, node: Rabbitmq) -> Rabbitmq:
    """The nodes of a cluster find each other by one port mapper."""
    port = {"ERL_EPMD_PORT": str(first.epmd_port)}
    process = node.process.program
    node.process.program = replace(process, environment={**process.environment, **port})
    ctl = replace(node.ctl, environment={**node.ctl.environment, **port})
    return replace(node, epmd=first.epmd, epmd_port=first.epmd_port, ctl=ctl)

"""What happens to nodes of a RabbitMQ cluster: each fault returns when all nodes work again."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from local_stack.rabbitmq import Rabbitmq
from local_stack.waiting import until

from faults.clustered import ClusteredSystem
from faults.injuries import frozen
from faults.rabbitmq_cluster import Cluster, name_of

FROZEN_S = 15.0
SWALLOWED_S = 12.0
_BACK_WITHIN_S = 90.0

type NodeFault = Callable[[ClusteredSystem], Awaitable[None]]


async def kill_leader(system: ClusteredSystem) -> None:
    """SIGKILL to the node with the leader of the command queue. It is started again at once, and boots."""
    await _killed(await system.cluster.leader(), system.cluster)


async def kill_follower(system: ClusteredSystem) -> None:
    """The same to another one."""
    await _killed((await _followers(system.cluster))[0], system.cluster)


async def _killed(node: Rabbitmq, cluster: Cluster) -> None:
    former = node.process.pid

    async def is_another() -> bool:
        return node.process.pid not in {None, former}

    node.process.send_signal(signal.SIGKILL)
    await until(is_another, within_s=_BACK_WITHIN_S)
    await node.wait_ready()
    await until(cluster.is_whole, within_s=_BACK_WITHIN_S)


async def freeze_leader(system: ClusteredSystem) -> None:
    """SIGSTOP: connections stay, new ones are taken by the kernel, and nobody answers."""
    with frozen((await system.cluster.leader()).process):
        await asyncio.sleep(FROZEN_S)
    await until(system.cluster.is_whole, within_s=_BACK_WITHIN_S)


async def freeze_follower(system: ClusteredSystem) -> None:
    """The same to another one."""
    with frozen((await _followers(system.cluster))[0].process):
        await asyncio.sleep(FROZEN_S)
    await until(system.cluster.is_whole, within_s=_BACK_WITHIN_S)


async def swallow(system: ClusteredSystem) -> None:
    """All bytes between the services and the leader's node are lost, and no connection breaks."""
    leader = await system.cluster.leader()
    line = system.lines[system.cluster.nodes.index(leader)]
    line.swallow()
    try:
        await asyncio.sleep(SWALLOWED_S)
    finally:
        line.spit_out()


@asynccontextmanager
async def cut_off(node: Rabbitmq, cluster: Cluster) -> AsyncIterator[None]:
    """The node cannot be connected with the others: it takes their cookie for a wrong one."""
    others = [name_of(other) for other in cluster.nodes if other is not node]
    cookie = (node.directory / "rabbitmq" / ".erlang.cookie").read_text()
    part = [f"erlang:set_cookie('{name}', wrong), erlang:disconnect_node('{name}')" for name in others]
    join = [f"erlang:set_cookie('{name}', '{cookie}'), net_adm:ping('{name}')" for name in others]
    await node.control("eval", f"{', '.join(part)}.")
    try:
        yield
    finally:
        await node.control("eval", f"{', '.join(join)}.")


async def lose_majority(system: ClusteredSystem) -> None:
    """Two nodes are killed at once, and boot again."""
    leader = await system.cluster.leader()
    other = (await _followers(system.cluster))[0]
    await asyncio.gather(_killed(leader, system.cluster), _killed(other, system.cluster))


async def restart_one_by_one(system: ClusteredSystem) -> None:
    """A rolling restart: each node is drained, stopped and started, once the one before is back and in sync.

    Draining hands leaders over and closes connections; without it the queue is left to an election.
    """
    for node in system.cluster.nodes:
        await node.control("eval", "rabbit_maintenance:drain().")
        await node.process.stop()
        await node.process.start()
        await node.wait_ready()
        await until(system.cluster.is_whole, within_s=_BACK_WITHIN_S)


async def _followers(cluster: Cluster) -> Sequence[Rabbitmq]:
    leader = await cluster.leader()
    return [node for node in cluster.nodes if node is not leader]


NODE_FAULTS: Mapping[str, NodeFault] = {
    "leader killed": kill_leader,
    "follower killed": kill_follower,
    "leader frozen": freeze_leader,
    "follower frozen": freeze_follower,
    "leader swallows packets": swallow,
    "two nodes killed": lose_majority,
    "rolling restart": restart_one_by_one,
}

"""Breaks the containers of a cluster, mends them, and waits until the part is back."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from local_stack.waiting import until

from faults.cluster.compose import Cluster
from faults.cluster.docker import Container, DockerFailed, docker
from faults.cluster.freezing import frozen
from faults.cluster.packets import swallowed
from faults.cluster.postgres import TERMINATE, members, sql, whole_members
from faults.cluster.schedule import MEMBERS, NODES, PRIMARY
from faults.history import Injury
from faults.schedule import Fault
from faults.world import why_skipped

_BACK_WITHIN_S = 120.0
_LOOKS_EVERY_S = 0.25
_COMMITS_WAIT_AFTER_S, _DELIVERED_AGAIN_AFTER_S = 0.5, 1.0
_KILL_POSTMASTER = "kill -9 $(head -n 1 /var/lib/postgresql/18/docker/postmaster.pid)"

type Inflict = Callable[[Cluster, Fault], Awaitable[None]]
"""Returns when what was done is undone."""


async def injure(cluster: Cluster, fault: Fault, number: int) -> Injury:
    """Injects the fault, and returns its record once the part is back, or after two minutes."""
    began_s = time.monotonic()
    skipped = await why_skipped(INFLICT[fault.kind](cluster, fault), DockerFailed, OSError)
    is_back = await _comes_back(cluster, fault)
    return Injury(
        round=number,
        kind=fault.kind,
        part=fault.part,
        began_s=began_s,
        back_s=time.monotonic(),
        # A commit waits for the standby, and one that reached it is seen when that is the primary.
        holds_transactions=fault.part in {*MEMBERS, "task-writer"},
        holds_requests=(fault.kind, fault.part) == ("freeze", "gateway"),
        skipped=skipped,
        is_back=is_back,
    )


async def _comes_back(cluster: Cluster, fault: Fault) -> bool:
    try:
        await until(lambda: _is_back(cluster, fault), within_s=_BACK_WITHIN_S, every_s=_LOOKS_EVERY_S)
    except TimeoutError:
        return False
    return True


async def _is_back(cluster: Cluster, fault: Fault) -> bool:
    if not await cluster.is_healthy():
        return False
    return fault.part not in MEMBERS or (await members(cluster)).is_whole


async def _hit(cluster: Cluster, fault: Fault) -> Container:
    """The container that a fault of this part hits."""
    if fault.part in MEMBERS:
        now = await whole_members(cluster)
        return now.primary if fault.part == PRIMARY else now.standby
    if fault.part in {"rabbitmq", "proxy", "etcd"}:
        return await cluster.container(f"{fault.part}-{fault.replica + 1}")
    return await cluster.container(fault.part, fault.replica + 1)


async def _kill(cluster: Cluster, fault: Fault) -> None:
    async with _away(await _hit(cluster, fault)):
        await asyncio.sleep(fault.seconds)


@asynccontextmanager
async def _away(*containers: Container) -> AsyncIterator[None]:
    """Killed, and started again afterwards."""
    ids = [one.id for one in containers]
    try:
        await docker("kill", *ids)
        yield
    finally:
        await docker("start", *ids)


async def _freeze(cluster: Cluster, fault: Fault) -> None:
    async with frozen(await _hit(cluster, fault)):
        await asyncio.sleep(fault.seconds)


async def _cut_off(cluster: Cluster, fault: Fault) -> None:
    async with _without_network(await _hit(cluster, fault)):
        await asyncio.sleep(fault.seconds)


@asynccontextmanager
async def _without_network(container: Container) -> AsyncIterator[None]:
    """It learns at once that it has no network; its peers hear nothing more of it. It may get other addresses."""
    left: list[str] = []
    try:
        for network in container.networks:
            await docker("network", "disconnect", network, container.id)
            left.append(network)
        yield
    finally:
        for network in left:
            await docker("network", "connect", "--alias", container.service, network, container.id)


async def _swallow(cluster: Cluster, fault: Fault) -> None:
    async with swallowed(await _hit(cluster, fault)):
        await asyncio.sleep(fault.seconds)


async def _crash(cluster: Cluster, fault: Fault) -> None:
    """PostgreSQL dies, and Patroni beside it does not."""
    await docker("exec", (await _hit(cluster, fault)).id, "sh", "-c", _KILL_POSTMASTER)


async def _switchover(cluster: Cluster, fault: Fault) -> None:
    primary = await _hit(cluster, fault)
    await docker("exec", primary.id, "patronictl", "switchover", "taskwire", "--force")


async def _local_commits(cluster: Cluster, fault: Fault) -> None:
    """The standby is cut off, so that commits wait for it; their sessions end, which leaves the commits on the primary
    alone; their batches are delivered again and find them in the log; then the primary dies, and the standby is back.

    Nobody reads meanwhile: PostgreSQL shows such a commit to all, and no service can know that it will be lost.
    """
    now = await whole_members(cluster)
    readers = await cluster.containers("task-reader")
    async with AsyncExitStack() as later:
        async with frozen(*readers), _without_network(now.standby):
            await asyncio.sleep(_COMMITS_WAIT_AFTER_S)
            await sql(now.primary, TERMINATE)
            await asyncio.sleep(_DELIVERED_AGAIN_AFTER_S)
            await later.enter_async_context(_away(now.primary))
        await asyncio.sleep(fault.seconds)


async def _majority_lost(cluster: Cluster, fault: Fault) -> None:
    async with _away(*await _two_nodes(cluster, fault)):
        await asyncio.sleep(fault.seconds)


async def _start_without_majority(cluster: Cluster, fault: Fault) -> None:
    """Gateways and task-writers start while RabbitMQ has no majority."""
    async with _away(*await _two_nodes(cluster, fault)):
        services = [*await cluster.containers("gateway"), *await cluster.containers("task-writer")]
        await docker("restart", "--time", "3", *(one.id for one in services))
        await asyncio.sleep(fault.seconds)


async def _two_nodes(cluster: Cluster, fault: Fault) -> list[Container]:
    chosen = (fault.replica, (fault.replica + 1) % NODES)
    return [await cluster.container(f"rabbitmq-{number + 1}") for number in chosen]


async def _rolling_restart(cluster: Cluster, _: Fault) -> None:
    """Each node in turn, as RabbitMQ's documentation wants it: when no queue needs it for its majority, and drained.

    Not drained, it leaves the queues to an election, which two nodes may hold up by standing at once: once for 10 s.
    """
    for number in range(NODES):
        node = await cluster.container(f"rabbitmq-{number + 1}")
        await docker("exec", node.id, "rabbitmq-upgrade", "await_online_quorum_plus_one", "-t", "60", within_s=90)
        await docker("exec", node.id, "rabbitmq-upgrade", "drain", within_s=90)
        await docker("restart", "--time", "60", node.id, within_s=90)
        await until(cluster.is_healthy, within_s=_BACK_WITHIN_S, every_s=_LOOKS_EVERY_S)


INFLICT: Mapping[str, Inflict] = {
    "kill": _kill,
    "freeze": _freeze,
    "cut off": _cut_off,
    "swallow": _swallow,
    "crash": _crash,
    "switchover": _switchover,
    "local commits": _local_commits,
    "majority lost": _majority_lost,
    "start without majority": _start_without_majority,
    "rolling restart": _rolling_restart,
}

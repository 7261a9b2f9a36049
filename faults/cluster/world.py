"""The cluster as a campaign's world."""

from functools import partial

from faults.cluster.compose import Cluster
from faults.cluster.injuries import injure
from faults.cluster.postgres import members, stored_tasks
from faults.cluster.schedule import rounds
from faults.system import write_deadline_s
from faults.world import World

_WHOLE_WITHIN_S = 120.0


async def cluster_world(cluster: Cluster) -> World:
    """The running cluster, to be broken."""
    return World(
        gateway_urls=cluster.gateway_urls,
        write_deadline_s=write_deadline_s((await cluster.container("gateway")).environment),
        rounds=rounds,
        injure=partial(injure, cluster),
        is_whole=partial(_is_whole, cluster),
        whole_within_s=_WHOLE_WITHIN_S,
        stored_tasks=partial(stored_tasks, cluster),
    )


async def _is_whole(cluster: Cluster) -> bool:
    return await cluster.is_healthy() and (await members(cluster)).is_whole

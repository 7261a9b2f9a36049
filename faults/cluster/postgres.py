"""Which PostgreSQL member is what, asked of the members themselves."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from faults.cluster.compose import Cluster
from faults.cluster.docker import Container, DockerFailed, docker
from faults.world import NotInjected

STORED = """
select json_build_object('user_id', user_id, 'tasks', json_agg(to_jsonb(tasks) - 'revision' || jsonb_build_object(
    'created_at', to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US+00:00')
  ) order by created_at desc, id desc))
from tasks group by user_id
"""
TERMINATE = "select pg_terminate_backend(pid) from pg_stat_activity where usename ~ '^taskwire_(writer|reader)$'"
_ROLE = """
select pg_is_in_recovery(), (select min(application_name) from pg_stat_replication where sync_state = 'sync')
"""
_ANSWERS_WITHIN_S = 5.0


@dataclass(frozen=True)
class Members:
    """The members that answered. There is one primary, but for when none is chosen yet or an old one has come back."""

    primaries: tuple[Container, ...]
    standbys: tuple[Container, ...]
    synchronous: Container | None

    @property
    def is_whole(self) -> bool:
        """Whether there is one primary with two standbys, one of which has every commit."""
        return len(self.primaries) == 1 and len(self.standbys) == 2 and self.synchronous is not None  # noqa: PLR2004


@dataclass(frozen=True)
class WholeMembers:
    """The primary, and the standby that has every commit."""

    primary: Container
    standby: Container


async def whole_members(cluster: Cluster) -> WholeMembers:
    """NotInjected where there is not one primary with a synchronous standby."""
    now = await members(cluster)
    if len(now.primaries) != 1 or now.synchronous is None:
        standby = "no synchronous standby" if now.synchronous is None else "a synchronous standby"
        raise NotInjected(f"{len(now.primaries)} primaries and {standby}")
    return WholeMembers(now.primaries[0], now.synchronous)


async def members(cluster: Cluster) -> Members:
    """What each member is now. Takes a quarter of a second, and five when a member hangs."""
    found = [one for one in await cluster.containers() if one.service.startswith("postgres-") and one.is_running]
    roles = await asyncio.gather(*(_role(one) for one in found))
    primaries = tuple(one for one, role in zip(found, roles, strict=True) if role and role[0] == "f")
    standbys = tuple(one for one, role in zip(found, roles, strict=True) if role and role[0] == "t")
    named = {role[1] for role in roles if role and role[0] == "f"}
    synchronous = next((one for one in standbys if one.service in named), None)
    return Members(primaries, standbys, synchronous)


async def _role(container: Container) -> list[str] | None:
    try:
        (answer,) = (await sql(container, _ROLE)).splitlines()
    except (DockerFailed, TimeoutError, ValueError):
        return None
    return answer.split("|")


async def sql(container: Container, statement: str, *, within_s: float = _ANSWERS_WITHIN_S) -> str:
    """What PostgreSQL answers its superuser in this container: a line for each row."""
    psql = ("psql", "-h", "/var/run/postgresql", "-U", "postgres", "-d", "taskwire", "-AtqXc", statement)
    return await docker("exec", "--user", "postgres", container.id, *psql, within_s=within_s)


async def stored_tasks(cluster: Cluster) -> Mapping[str, Any]:
    """All tasks by user, as the primary has them."""
    (primary,) = (await members(cluster)).primaries
    rows = map(json.loads, (await sql(primary, STORED, within_s=60)).splitlines())
    return {row["user_id"]: row["tasks"] for row in rows}

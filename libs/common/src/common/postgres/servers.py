"""The servers that one address names: which of them may be used, and which is tried first.

After a fail-over the old primary may come back before anybody stops it, and take writes that are lost later. To keep
it away is the cluster manager's task; who has seen the new primary does not use the old one (ADR 29).
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection, Error, OperationalError
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import SecretStr

log = logging.getLogger(__name__)

SEVERAL_HOSTS_CONNECT_TIMEOUT_S = 3
"""For each of several hosts: one that is away must not hold up the way to the next."""

# The name of a primary's WAL file has its timeline at once, the checkpoint only after the next one. A standby has the
# other two: no later timeline than its own, which proves that there is such a one.
_LOOK_AT_SERVER = """
select current_setting('transaction_read_only')::boolean, (select system_identifier from pg_control_system()),
  case when not pg_is_in_recovery() then pg_walfile_name(pg_current_wal_lsn()) end,
  greatest(
    (select timeline_id from pg_control_checkpoint()), (select min_recovery_end_timeline from pg_control_recovery())
  )
"""
_TIMELINE_DIGITS = 8  # of the name of a WAL file, hexadecimal


class ServerRefused(OperationalError):
    """A server that answers and must not be used. The text says which and why."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Where a primary stands: every promotion in a cluster of one `system` identifier begins a higher `number`."""

    system: int
    number: int


class Servers:
    """The servers of `url`, in the order in which libpq would try them; but one that has worked comes first.

    `takes_writes`: read-only servers are refused, as with `target_session_attrs=read-write`, unless the address says
    otherwise. `refusal` says why no server could be used at the last attempt, if one was refused.
    """

    def __init__(self, url: SecretStr, *, takes_writes: bool) -> None:
        given = {name: str(value) for name, value in conninfo_to_dict(url.get_secret_value()).items()}
        wanted = given.pop("target_session_attrs", "read-write" if takes_writes else "any")
        self._takes_writes = wanted == "read-write"
        # Left to `admit`, which can tell a standby from a server that is away; libpq looks at all others by itself.
        attributes = {"read-write": ["any"], "prefer-standby": ["standby", "any"]}.get(wanted, [wanted])
        hosts = _each_host(given)
        self._addresses = [
            make_conninfo(**one, target_session_attrs=attribute) for attribute in attributes for one in hosts
        ]
        self._not_looked_at = [make_conninfo(**one, target_session_attrs="any") for one in hosts if len(hosts) > 1]
        self._looking = asyncio.Lock()
        self._is_random = given.get("load_balance_hosts") == "random"
        self._keeps_order = wanted == "prefer-standby" or self._is_random
        self._newest: dict[int, int] = {}  # by system: a cluster that was set up anew counts from 1 again
        self.refusal: str | None = None

    def in_order(self) -> Sequence[str]:
        """The address of each server, in the order in which they are tried."""
        if not self._is_random:
            return tuple(self._addresses)
        return sorted(random.sample(self._addresses, len(self._addresses)), key=_is_second_choice)

    async def look_at_all(self, is_usable: Callable[[str], Awaitable[bool]]) -> None:
        """Looks at each of several hosts, once, at the same time; whoever comes meanwhile waits for that.

        A process that has just started learns the newest timeline so, lest the first host is an old primary. Hosts that
        cannot be used come last.
        """
        async with self._looking:
            addresses, self._not_looked_at = self._not_looked_at, []
            usable = await asyncio.gather(*map(is_usable, addresses))
            if addresses and not self._keeps_order:
                answers = dict(zip(self._addresses, usable, strict=True))
                self._addresses.sort(key=lambda one: not answers[one])

    def worked(self, address: str) -> None:
        """This server is tried first from now on, where the address does not ask for another order."""
        if not self._keeps_order:
            self._addresses.sort(key=lambda one: one != address)
        self.refusal = None

    def failed(self, errors: Sequence[Exception]) -> OperationalError:
        """The error for who has tried all servers in vain."""
        self.refusal = "; ".join(str(error) for error in errors if isinstance(error, ServerRefused)) or None
        return OperationalError("; ".join(str(error) or type(error).__name__ for error in errors))

    async def admit(self, connection: AsyncConnection[Any]) -> Timeline | None:
        """The timeline of a new connection's server; None for a standby, or where PostgreSQL does not tell. One round
        trip.

        Raises ServerRefused for a server that takes no writes where they are wanted, and for one on a lower timeline
        than one that was seen before. Raises psycopg's errors when the connection breaks.
        """
        try:
            row = await (await connection.execute(_LOOK_AT_SERVER)).fetchone()
        except Error as error:
            if connection.closed:
                raise
            log.info("PostgreSQL does not tell its timeline: %s", error)  # a service of another make, or a right
            return None
        assert row is not None  # noqa: S101 - a select without a table returns one row
        read_only, system, wal_file, at_least = row
        self._newest[system] = max(at_least, self._newest.get(system, 0))
        where = f"PostgreSQL at {connection.info.host}:{connection.info.port}"
        if self._takes_writes and read_only:
            raise ServerRefused(f"{where} takes no writes: it is a standby, or was set to read-only")
        if wal_file is None:
            return None
        timeline = Timeline(system, int(wal_file[:_TIMELINE_DIGITS], 16))
        if self.is_behind(timeline):
            raise ServerRefused(
                f"{where} is an old primary: it is on timeline {timeline.number}, and timeline {self._newest[system]} "
                "was seen before"
            )
        self._newest[system] = timeline.number
        return timeline

    def is_behind(self, timeline: Timeline | None) -> bool:
        """Whether a higher timeline of the same system has been seen."""
        return timeline is not None and timeline.number < self._newest.get(timeline.system, 0)


def options_for_primary(url: SecretStr, connect_timeout_s: int) -> dict[str, Any]:
    """What psycopg needs to find, among the servers of `url`, one that takes writes; options in the address take
    precedence."""
    given = conninfo_to_dict(url.get_secret_value())
    options = {
        "connect_timeout": limit_for_each(url, connect_timeout_s),
        "target_session_attrs": "read-write",
    }
    return {name: value for name, value in options.items() if name not in given}


def limit_for_each(url: SecretStr, connect_timeout_s: int) -> int:
    """The time to connect to one server, in seconds: `connect_timeout_s`, and less where there are others to try."""
    given = conninfo_to_dict(url.get_secret_value())
    several = any("," in str(given.get(name, "")) for name in ("host", "hostaddr"))
    return min(connect_timeout_s, SEVERAL_HOSTS_CONNECT_TIMEOUT_S) if several else connect_timeout_s


def _is_second_choice(address: str) -> bool:
    return "target_session_attrs=any" in address


def _each_host(given: dict[str, str]) -> list[dict[str, str]]:
    """The parts of the address of each host; libpq takes one port, too, for all of them."""
    lists = {name: given[name].split(",") for name in ("host", "hostaddr", "port") if name in given}
    count = max((len(values) for name, values in lists.items() if name != "port"), default=1)
    return [
        given | {name: values[number if len(values) > 1 else 0] for name, values in lists.items()}
        for number in range(count)
    ]

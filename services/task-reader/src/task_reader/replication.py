"""How far the server that is read is behind its primary, looked at on a schedule, not for each read (ADR 28).

Only what is certain counts, so that an idle primary never looks like lag. Three signs, of which the largest holds: WAL
that was received and is not replayed; a commit that was replayed only after an earlier look, though it is older; and
the time since the connection to the primary was last there.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic

from common.observability.health import Component
from common.postgres.database import DatabaseUnavailable
from psycopg import Error

log = logging.getLogger(__name__)

FIRST_LOOK_S = 2.0
REPLICA_EVERY_S = 1.0
PRIMARY_EVERY_S = 30.0  # and only after reads: a database that is suspended stays suspended
FORGET_AFTER_S = 30.0  # a server that was not seen for so long is not behind the address any more


@dataclass(frozen=True)
class Look:
    """What a server says of its replication. WAL positions are in bytes, times in seconds by the server's clock."""

    server: str | None
    is_replica: bool
    is_connected: bool
    received: int | None
    replayed: int | None
    committed_at: float | None
    now: float


PRIMARY = Look(None, is_replica=False, is_connected=False, received=None, replayed=None, committed_at=None, now=0.0)


type LookAt = Callable[[bool], Awaitable[Look]]
"""Looks; given whether a primary has to be named, because it may be a replica that was promoted."""


class Replica:
    """The looks at one server so far."""

    def __init__(self) -> None:
        self.seen_at = 0.0
        self.lag_s = 0.0
        self._last: Look | None = None
        self._connected_at: float | None = None
        self._mark: tuple[float, int] | None = None  # WAL that was received by then, and is not replayed yet

    def add(self, look: Look, at: float) -> None:
        """Computes the lag after another look, made at this time by our own clock."""
        self.lag_s = max(self._unreplayed_s(look, at), self._late_commit_s(look), self._cut_off_s(look, at))
        self._last, self.seen_at = look, at

    def _unreplayed_s(self, look: Look, at: float) -> float:
        if look.received is None or look.replayed is None or look.replayed >= look.received:
            self._mark = None
            return 0.0
        if self._mark is None or look.replayed >= self._mark[1]:
            self._mark = (at, look.received)
        return at - self._mark[0]

    def _late_commit_s(self, look: Look) -> float:
        """By how much a commit that was replayed since the last look is older than that look."""
        last = self._last
        if last is None or look.committed_at is None or look.committed_at == last.committed_at:
            return 0.0
        return max(0.0, last.now - look.committed_at)

    def _cut_off_s(self, look: Look, at: float) -> float:
        """Since when the connection is away; before any was seen, since the last commit that is known."""
        if look.is_connected:
            self._connected_at = at
            return 0.0
        if self._connected_at is not None:
            return at - self._connected_at
        return math.inf if look.committed_at is None else max(0.0, look.now - look.committed_at)


class Replication:
    """The lag of the servers behind READER_DATABASE_URL, of which a replica may be at most `max_lag_s` behind.

    The first replica makes it one of the `components` of the service, as `replication`.
    """

    def __init__(
        self, max_lag_s: float, components: dict[str, Component], *, clock: Callable[[], float] = monotonic
    ) -> None:
        self.component = Component()
        self.lag_s = math.nan
        self.is_late = False
        self.was_used = True
        """Set by each read; whether to look at a primary again."""
        self._max_lag_s = max_lag_s
        self._components = components
        self._clock = clock
        self._replicas: dict[str | None, Replica] = {}

    def add(self, look: Look) -> None:
        """Takes a look into account: the farthest behind of all servers that were seen lately counts."""
        now = self._clock()
        if look.is_replica:
            self._components["replication"] = self.component
            self._replicas.setdefault(look.server, Replica()).add(look, now)
        else:
            self._replicas.pop(look.server, None)
        self._replicas = {name: one for name, one in self._replicas.items() if now - one.seen_at <= FORGET_AFTER_S}
        self.lag_s = max((one.lag_s for one in self._replicas.values()), default=0.0)
        self._judge()

    def lags_s(self) -> dict[str | None, float]:
        """How far each replica that was seen lately is behind, by its name; infinite where nothing is known."""
        return {name: one.lag_s for name, one in self._replicas.items()}

    def _judge(self) -> None:
        was_late, self.is_late = self.is_late, self.lag_s > self._max_lag_s
        if self.is_late:
            reason = f"the replica is {self.lag_s:.1f} s behind, more than {self._max_lag_s:g} s"
            self.component.lost(reason)
            if not was_late:
                log.warning("reads are refused: %s", reason)
            return
        self.component.worked()
        if was_late:
            log.info("the replica has caught up")

    async def watch(self, look: LookAt, database: Component) -> None:
        """Looks for ever; the first time after FIRST_LOOK_S."""
        pause_s = FIRST_LOOK_S
        while True:
            await asyncio.sleep(pause_s)
            pause_s = await self.look_if_due(look, database)

    async def look_if_due(self, look: LookAt, database: Component) -> float:
        """Looks, unless at a primary that was not read since; the seconds until the next turn.

        It waits for no connection before the database was up: those who read have a better use for the place. A look
        that fails is left out: `database` says what is wrong then.
        """
        if not self._replicas and database.state != "up":
            return REPLICA_EVERY_S
        if not self._replicas and not self.was_used:
            return PRIMARY_EVERY_S
        try:
            self.add(await look(bool(self._replicas)))
        except (DatabaseUnavailable, Error) as error:
            log.debug("no look at the replication: %s", error)
            return REPLICA_EVERY_S
        self.was_used = False
        return REPLICA_EVERY_S if self._replicas else PRIMARY_EVERY_S

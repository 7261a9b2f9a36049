"""Keeps one connection to RabbitMQ open and reopens it for ever: no error of connecting, declaring or consuming is
final. See ADR 16.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from yarl import URL

from common.addresses import split_amqp_addresses
from common.bus.broker import (
    QUICK_CONNECT_TIMEOUT_S,
    QUICK_STEP_TIMEOUT_S,
    STEP_TIMEOUT_S,
    Connection,
    connect_to,
    connection_urls,
    described,
)
from common.observability.health import Component
from common.runtime.background import backoff
from common.settings import BusSettings

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 2.0  # bounds how long nothing is done after RabbitMQ is back
NOTICE_AFTER_S = 0.5
STEADY_AFTER_S = 10.0  # after a connection this long, the backoff starts again


async def _at_once() -> None: ...


@dataclass(frozen=True)
class _Opened[Used]:
    connection: Connection
    used: Used
    node: str


class KeptConnection[Used]:
    """Keeps what `prepare` makes of a connection, and makes it anew whenever it is lost. Belongs to one event loop.

    `name` is shown in RabbitMQ's list of connections. The nodes of a cluster are tried one after the other, in random
    order, the one that was lost last. Each connection is opened once `when` returns. `watch`, if given, is awaited
    with what was prepared until the connection is lost: it says whether that is usable, by `up` and `down`. Without it,
    it is. `component` says whether there is something usable, and why not.
    """

    def __init__(
        self,
        settings: BusSettings,
        name: str,
        prepare: Callable[[Connection], Awaitable[Used]],
        *,
        when: Callable[[], Awaitable[object]] = _at_once,
        watch: Callable[[Used], Awaitable[object]] | None = None,
    ) -> None:
        self._settings = settings
        self._name = name
        self._prepare = prepare
        self._when = when
        self._watch = watch
        self.beside: KeptConnection[Any] | None = None
        """A connection whose node is tried first."""
        self._opened: _Opened[Used] | None = None
        self._is_cluster = len(split_amqp_addresses(settings.rabbitmq_url)) > 1
        self._lost_node = ""
        self._usable = asyncio.Event()
        self._retired = False
        self.component = Component()
        self.component.lost("RabbitMQ was not reached yet")

    @property
    def current(self) -> Used | None:
        """What there is now, if anything."""
        return self._opened.used if self._opened is not None else None

    @property
    def connection(self) -> Connection | None:
        """The connection that there is now, if any. It may be lost at any moment."""
        return self._opened.connection if self._opened is not None else None

    @property
    def node(self) -> str | None:
        """The address of the node that there is a connection to, as host and port, if there is one."""
        return self._opened.node if self._opened is not None else None

    @property
    def is_retired(self) -> bool:
        """Whether no other connection will be opened."""
        return self._retired

    async def usable(self) -> Used:
        """Returns once there is a connection that is usable, with what was prepared on it."""
        while self._opened is None or not self._usable.is_set():
            await self._usable.wait()
        return self._opened.used

    def up(self) -> None:
        """What there is can be used."""
        if not self._usable.is_set():
            log.info("connected to RabbitMQ: %s", self._name)
            self.component.worked()
            self._usable.set()

    def down(self, reason: str) -> None:
        """Nothing can be used. Logs the reason when it is another one."""
        if reason != self.component.reason:
            log.warning("the bus is down: %s: %s", self._name, reason)
        self._usable.clear()
        self.component.lost(reason)

    def renew(self, reason: str) -> None:
        """Replaces the connection that there is, if any: what was prepared on it is of no use."""
        if self._opened is not None:
            self._opened.connection.lose(reason)

    def retire(self) -> None:
        """No other connection is opened from now on. The one that there is stays, until `keep_open` is cancelled."""
        self._retired = True

    async def keep_open(self) -> None:
        """Until it is retired: opens a connection, waits until it is lost, and opens the next one."""
        clock = asyncio.get_running_loop().time
        pauses = backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        quickly = True
        try:
            while True:
                await self._when()
                if self._retired:
                    return
                began = clock()
                await self._open(quickly=quickly)
                quickly = self._opened is not None
                if self._opened is not None:
                    self.down(f"RabbitMQ was lost: {await self._use(self._opened)}")
                    await self._close()
                if clock() - began > STEADY_AFTER_S:
                    pauses = backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
                    if self._is_cluster:  # another node may take over
                        continue
                await asyncio.sleep(next(pauses))
        finally:
            await self._close()

    async def _open(self, *, quickly: bool) -> None:
        """Opens a connection to one of the nodes; if that fails, the log and the readiness say why.

        `quickly`: a node that does not answer costs little, where there are others. When that has failed, all get the
        time that they need when they are slow.
        """
        urls = connection_urls(self._settings, self._name)
        preferred = None if self.beside is None else self.beside.node
        urls.sort(key=lambda url: (_node(url) == self._lost_node, _node(url) != preferred))
        quickly = quickly and self._is_cluster
        notice = asyncio.get_running_loop().call_later(NOTICE_AFTER_S, log.warning, "waiting for RabbitMQ")
        faults = dict[str, str]()
        try:
            for url in urls:
                try:
                    self._opened = await self._open_at(url, quickly=quickly)
                    break
                except Exception as error:  # any error may be temporary
                    faults[_node(url)] = described(error)
            else:
                self.down(f"RabbitMQ cannot be used: {_one_text(faults)}")
        finally:
            notice.cancel()

    async def _open_at(self, url: URL, *, quickly: bool) -> _Opened[Used] | None:
        """None when it was retired meanwhile."""
        connection = await connect_to(url, within_s=QUICK_CONNECT_TIMEOUT_S if quickly else None)
        try:
            async with asyncio.timeout(QUICK_STEP_TIMEOUT_S if quickly else STEP_TIMEOUT_S):
                used = await self._prepare(connection)
        except BaseException:
            await connection.end()
            raise
        if self._retired:
            await connection.end()
            return None
        return _Opened(connection, used, _node(url))

    async def _use(self, opened: _Opened[Used]) -> str:
        """Why the connection was lost, once it is."""
        if self._watch is None:
            self.up()
        else:
            await self._watch(opened.used)
        return await opened.connection.lost

    async def _close(self) -> None:
        self._usable.clear()
        opened, self._opened = self._opened, None
        if opened is not None:
            self._lost_node = opened.node
            await opened.connection.end()


def _node(url: URL) -> str:
    """Host and port, which may be shown."""
    return f"{url.host}:{url.port}"


def _one_text(faults: Mapping[str, str]) -> str:
    """What is in the way, the same text in whatever order the nodes were tried."""
    if len(faults) == 1:
        return next(iter(faults.values()))
    return "; ".join(f"{node}: {fault}" for node, fault in sorted(faults.items()))

"""The link to the task-writers over RabbitMQ: sends batches of commands and returns their outcomes.

It has one session at a time (bus_session.py), on a connection that is opened again for ever
(common/bus/kept_connection.py), and refuses batches while RabbitMQ accepts none.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from common.bus.broker import STEP_TIMEOUT_S
from common.bus.kept_connection import KeptConnection
from common.bus.queue_counts import QueueCounts, count_queue
from common.contracts.commands import AnyCommand
from common.contracts.outcomes import Outcome
from common.runtime.background import running

from gateway.bus_session import DOWN, BusSession, NotSent, open_session
from gateway.queue_watch import keep_watching
from gateway.settings import GatewaySettings

ALARM_POLL_S = 0.1
CONNECTION_NAME = "gateway"

BLOCKED = "The message bus accepts no messages at the moment."
ALARM = "RabbitMQ accepts no messages: its memory or disk is exhausted"


class BusLink:
    """Sends batches to the task-writers. `refusal` says why it accepts none; None while it does. Belongs to one event
    loop."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.connection = KeptConnection(settings, CONNECTION_NAME, open_session, watch=self._watch)
        self._session: BusSession | None = None
        self._refusing = asyncio.Event()
        self._refusing.set()
        self.refusal: str | None = DOWN
        self.component = self.connection.component

    async def ask(self, commands: Sequence[AnyCommand], within_s: float) -> Sequence[Outcome]:
        """The outcomes of a batch of commands, in order.

        Raises NotSent when certainly no writer will see the batch, immediately while the link refuses. Raises
        OutcomeUnknown when that is not certain: after `within_s`, or as soon as the link is lost.
        """
        if self._session is None or self.refusal is not None:
            raise NotSent(self.refusal or DOWN)
        return await self._session.ask(commands, within_s)

    async def usable(self) -> None:
        """Returns once the link accepts batches."""
        await self.connection.usable()

    async def refusing(self) -> str:
        """Returns the reason once the link accepts no batches."""
        await self._refusing.wait()
        return self.refusal or DOWN

    async def count_queue(self, name: str) -> QueueCounts | None:
        """The counts of a queue. Raises the errors of `common.bus.queue_counts`."""
        if self._session is None:
            raise ConnectionError("not connected to RabbitMQ")
        return await count_queue(self._session.connection, name, within_s=STEP_TIMEOUT_S)

    async def _watch(self, session: BusSession) -> None:
        """Returns once the session is lost. Polls for RabbitMQ's alarms, because aio_pika has no callback for them."""
        self._session, lost = session, session.connection.lost
        while not lost.done():
            if await session.connection.is_blocked():
                self.connection.down(ALARM)
                self._refuse(BLOCKED)
            else:
                self.connection.up()
                self.refusal = None
                self._refusing.clear()
            await asyncio.wait([lost], timeout=ALARM_POLL_S)
        self._session = None
        self._refuse(DOWN)

    def _refuse(self, refusal: str) -> None:
        self.refusal = refusal
        self._refusing.set()


@asynccontextmanager
async def open_bus_link(settings: GatewaySettings) -> AsyncIterator[BusLink]:
    """The link: usable if RabbitMQ is up within BUS_START_TIMEOUT_S; otherwise it refuses batches until RabbitMQ is
    up."""
    link = BusLink(settings)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running("bus", link.connection.keep_open))
        if settings.admin_port is not None:
            await stack.enter_async_context(running("queue watch", lambda: keep_watching(link.count_queue)))
        with suppress(TimeoutError):
            await asyncio.wait_for(link.usable(), settings.bus_start_timeout_s)
        yield link

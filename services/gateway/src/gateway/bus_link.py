"""The link to the task-writers over RabbitMQ: sends batches of commands and returns their outcomes.

It has one session at a time (bus_session.py), on a connection that is opened again for ever
(common/bus/kept_connection.py), and refuses batches while RabbitMQ accepts none.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from common.addresses import split_amqp_addresses
from common.bus.broker import STEP_TIMEOUT_S, Connection
from common.bus.kept_connection import KeptConnection
from common.bus.queue_counts import QueueCounts, count_queue
from common.contracts.outcomes import Outcome
from common.runtime.background import running
from common.runtime.time_limits import time_limit

from gateway.bus_session import DOWN, LOST, BusSession, NotSent, OutcomeUnknown, SessionLost, open_session
from gateway.commands import AnyCommand
from gateway.queue_watch import keep_watching
from gateway.settings import GatewaySettings

ALARM_POLL_S = 0.1
REOPEN_GRACE_S = 1.0
"""After a session with one of several nodes is lost, batches wait this long for the next one, before they are refused:
another node takes over within tenths of a second."""

CONNECTION_NAME = "gateway"

SENT_TWICE = Outcome(status="unknown", reason=LOST)

BLOCKED = "The message bus accepts no messages at the moment."
ALARM = "RabbitMQ accepts no messages: its memory or disk is exhausted"


class BusLink:
    """Sends batches to the task-writers. `refusal` says why it accepts none; None while it does. Belongs to one event
    loop."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.connection = KeptConnection(settings, CONNECTION_NAME, self._open_session, watch=self._watch)
        self._clock = asyncio.get_running_loop().time
        self._is_cluster = len(split_amqp_addresses(settings.rabbitmq_url)) > 1
        self._doubts_queue = False
        self._session: BusSession | None = None
        self._grace: asyncio.TimerHandle | None = None
        self._accepting = asyncio.Event()
        self._refusing = asyncio.Event()
        self._refusing.set()
        self.refusal: str | None = DOWN
        self.component = self.connection.component

    async def ask(self, commands: Sequence[AnyCommand], within_s: float) -> Sequence[Outcome]:
        """The outcomes of a batch of commands, in order.

        Raises NotSent when certainly no writer will see the batch, immediately while the link refuses. Raises
        OutcomeUnknown when that is not certain: after `within_s`, or once the session is lost and, in a cluster, no
        other one has answered.
        """
        if self.refusal is not None:
            raise NotSent(self.refusal)
        give_up_at = self._clock() + within_s
        session = self._session or await self._next_session(within_s)
        try:
            return await session.ask(commands, give_up_at - self._clock())
        except SessionLost:
            if not self._is_cluster:
                raise
        return await self._ask_again(commands, give_up_at)

    async def _ask_again(self, commands: Sequence[AnyCommand], give_up_at: float) -> Sequence[Outcome]:
        """The outcomes of a batch that was in flight on a session that is lost. RabbitMQ may have it, and then has it
        twice: whichever is run second finds what the first has recorded, and what has expired is so for both (ADR 13).
        A refusal is of one of them, and the other may yet be carried out. Raises OutcomeUnknown.
        """
        try:
            session = await self._next_session(give_up_at - self._clock())
            outcomes = await session.ask(commands, give_up_at - self._clock())
        except NotSent:
            raise OutcomeUnknown(LOST) from None
        return [SENT_TWICE if outcome.status == "refused" else outcome for outcome in outcomes]

    async def _next_session(self, within_s: float) -> BusSession:
        """The session after one that was lost a moment ago. Raises NotSent when it does not come in time."""
        try:
            with time_limit(min(within_s, REOPEN_GRACE_S)):
                while self._session is None:
                    await self._accepting.wait()
        except TimeoutError:
            raise NotSent(DOWN) from None
        return self._session

    async def usable(self) -> None:
        """Returns once the link accepts batches."""
        await self._accepting.wait()

    async def refusing(self) -> str:
        """Returns the reason once the link accepts no batches."""
        await self._refusing.wait()
        return self.refusal or DOWN

    async def count_queue(self, name: str) -> QueueCounts | None:
        """The counts of a queue. Raises the errors of `common.bus.queue_counts`."""
        if (connection := self.connection.connection) is None:
            raise ConnectionError("not connected to RabbitMQ")
        return await count_queue(connection, name, within_s=STEP_TIMEOUT_S)

    async def _open_session(self, connection: Connection) -> BusSession:
        """In a cluster, and wherever a batch was not confirmed, a node may answer and yet take no batches."""
        session = await open_session(connection, with_queue=self._is_cluster or self._doubts_queue)
        self._doubts_queue = False
        return session

    async def _watch(self, session: BusSession) -> None:
        """Returns once the session is lost. Polls for RabbitMQ's alarms, because aio_pika has no callback for them."""
        lost = session.connection.lost
        lost.add_done_callback(self._lose)
        while not lost.done():
            if await session.connection.is_blocked():
                self.connection.down(ALARM)
                self._refuse(BLOCKED)
            elif not lost.done():
                self.connection.up()
                self._accept(session)
            await asyncio.wait([lost], timeout=ALARM_POLL_S)
        self._doubts_queue = session.is_unconfirmed

    def _accept(self, session: BusSession) -> None:
        self._end_grace()
        self._session = session
        self.refusal = None
        self._refusing.clear()
        self._accepting.set()

    def _lose(self, _: object) -> None:
        """Runs before what waited for the lost session goes on, so that no batch is given to it any more."""
        self._session = None
        self._accepting.clear()
        if self.refusal is not None or not self._is_cluster:
            self._refuse(DOWN)
        elif self._grace is None:
            self._grace = asyncio.get_running_loop().call_later(REOPEN_GRACE_S, self._refuse, DOWN)

    def _refuse(self, refusal: str) -> None:
        self._end_grace()
        self.refusal = refusal
        self._accepting.clear()
        self._refusing.set()

    def _end_grace(self) -> None:
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None


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

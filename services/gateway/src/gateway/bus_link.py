"""The link to the task-writers over RabbitMQ: sends batches of commands and returns their outcomes.

It has one session at a time (bus_session.py) and reopens it for ever: no error of connecting, declaring or consuming is
final.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from common.bus.broker import described
from common.bus.queue_counts import QueueCounts
from common.contracts.commands import AnyCommand
from common.contracts.outcomes import Outcome
from common.observability.health import Part
from common.runtime.background import backoff, running

from gateway.bus_session import DOWN, BusBlocked, BusSession, NotSent, open_session
from gateway.queue_watch import keep_watching
from gateway.settings import GatewaySettings

log = logging.getLogger(__name__)

ALARM_POLL_S = 0.1
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 2.0  # limits how long writes are refused after RabbitMQ is back
NOTICE_AFTER_S = 0.5
STEADY_AFTER_S = 10.0  # after a session this long, the backoff starts again
CONNECTION_NAME = "gateway"

BLOCKED = "The message bus accepts no messages at the moment."
ALARM = "RabbitMQ accepts no messages: its memory or disk is exhausted"


class BusLink:
    """Sends batches to the task-writers. `refusal` says why it accepts none; None while it does. Belongs to one event
    loop."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._session: BusSession | None = None
        self._usable, self._refusing = asyncio.Event(), asyncio.Event()
        self._refusing.set()
        self.refusal: str | None = DOWN
        self.part = Part()
        self.part.lost("RabbitMQ was not reached yet")

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
        await self._usable.wait()

    async def refusing(self) -> str:
        """Returns the reason once the link accepts no batches."""
        await self._refusing.wait()
        return self.refusal or DOWN

    async def count_queue(self, name: str) -> QueueCounts | None:
        """The counts of a queue. Raises the errors of `common.bus.queue_counts`."""
        if self._session is None:
            raise ConnectionError("not connected to RabbitMQ")
        return await self._session.count_queue(name)

    async def keep_open(self) -> None:
        """Runs for ever: opens a session, watches it until it is lost, and opens the next one."""
        clock = asyncio.get_running_loop().time
        pauses = backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        try:
            while True:
                began = clock()
                await self._open()
                if self._session is not None:
                    await self._watch(self._session)
                if clock() - began > STEADY_AFTER_S:
                    pauses = backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
                await asyncio.sleep(next(pauses))
        finally:
            await self._close()

    async def _open(self) -> None:
        """Opens a session; on failure, the log and the readiness say why."""
        notice = asyncio.get_running_loop().call_later(NOTICE_AFTER_S, log.warning, "waiting for RabbitMQ")
        try:
            self._session = await open_session(self._settings, CONNECTION_NAME)
        except BusBlocked:
            self._refuse(BLOCKED, ALARM)
        except Exception as error:  # any error may be temporary
            self._refuse(DOWN, f"RabbitMQ cannot be used: {described(error)}")
        finally:
            notice.cancel()

    async def _watch(self, session: BusSession) -> None:
        """Returns when the session is lost. Polls for RabbitMQ's alarms, because aio_pika has no callback for them."""
        while not session.lost.done():
            if await session.is_blocked():
                self._refuse(BLOCKED, ALARM)
            else:
                self._accept()
            await asyncio.wait([session.lost], timeout=ALARM_POLL_S)
        self._refuse(DOWN, f"RabbitMQ was lost: {session.lost.result()}")
        await self._close()

    def _accept(self) -> None:
        self.part.worked()
        if self.refusal is not None:
            log.info("the bus is up")
            self.refusal = None
            self._refusing.clear()
            self._usable.set()

    def _refuse(self, refusal: str, reason: str) -> None:
        if reason != self.part.reason:
            log.warning("the bus is down: %s", reason)
        self.part.lost(reason)
        self.refusal = refusal
        self._usable.clear()
        self._refusing.set()

    async def _close(self) -> None:
        """Closes the session, if there is one, within a few seconds."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


@asynccontextmanager
async def open_bus_link(settings: GatewaySettings) -> AsyncIterator[BusLink]:
    """The link: usable if RabbitMQ is up within BUS_START_TIMEOUT_S; otherwise it refuses batches until RabbitMQ is
    up."""
    link = BusLink(settings)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running("bus", link.keep_open))
        if settings.admin_port is not None:
            await stack.enter_async_context(running("queue watch", lambda: keep_watching(link.count_queue)))
        with suppress(TimeoutError):
            await asyncio.wait_for(link.usable(), settings.bus_start_timeout_s)
        yield link

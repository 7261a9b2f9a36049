"""The link to the task-writers over RabbitMQ: it is asked with a batch of commands, and answers with their outcomes.

It has one session at a time (bus_session.py), and opens another whenever there is none, for ever: no error of
connecting, declaring or consuming is the last word.
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
from common.runtime.background import growing_pauses, running

from gateway.bus_session import DOWN, BusBlocked, BusSession, NotSent, open_session
from gateway.queue_watch import keep_watching
from gateway.settings import GatewaySettings

log = logging.getLogger(__name__)

LOOK_FOR_ALARMS_EVERY_S = 0.1
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 2.0  # bounds how long writes are refused after RabbitMQ is back
SAY_SO_AFTER_S = 0.5
STEADY_AFTER_S = 10.0  # a session that has lasted so long was of use: the next one is opened without a long pause
CONNECTION_NAME = "gateway"

BLOCKED = "The message bus takes nothing now: its memory or disk has run out."
ALARM = "RabbitMQ takes no messages: its memory or disk has run out"


class BusLink:
    """Asks the task-writers. `refusal` says why it takes nothing now; None while it does. Belongs to one event loop."""

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

        Raises NotSent when it is certain that no writer will see it, at once while the link refuses, and OutcomeUnknown
        when that is not known: after `within_s`, or at once when the link is lost meanwhile.
        """
        if self._session is None or self.refusal is not None:
            raise NotSent(self.refusal or DOWN)
        return await self._session.ask(commands, within_s)

    async def usable(self) -> None:
        """Returns while the link takes batches."""
        await self._usable.wait()

    async def refusing(self) -> str:
        """Returns while the link takes none, with the reason."""
        await self._refusing.wait()
        return self.refusal or DOWN

    async def count_queue(self, name: str) -> QueueCounts | None:
        """What waits in a queue of RabbitMQ. Raises as `common.bus.queue_counts` says."""
        if self._session is None:
            raise ConnectionError("not connected to RabbitMQ")
        return await self._session.count_queue(name)

    async def keep_open(self) -> None:
        """For ever: opens a session, looks after it until it is lost, and opens the next one."""
        clock = asyncio.get_running_loop().time
        pauses = growing_pauses(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        try:
            while True:
                began = clock()
                await self._open()
                if self._session is not None:
                    await self._look_after(self._session)
                if clock() - began > STEADY_AFTER_S:
                    pauses = growing_pauses(FIRST_PAUSE_S, LONGEST_PAUSE_S)
                await asyncio.sleep(next(pauses))
        finally:
            await self._close()

    async def _open(self) -> None:
        """Opens a session; if that fails, the log and the readiness say why."""
        notice = asyncio.get_running_loop().call_later(SAY_SO_AFTER_S, log.warning, "waiting for RabbitMQ")
        try:
            self._session = await open_session(self._settings, CONNECTION_NAME)
        except BusBlocked:
            self._refuse(BLOCKED, ALARM)
        except Exception as error:  # of many kinds, and each may be over the next time
            self._refuse(DOWN, f"RabbitMQ cannot be used: {described(error)}")
        finally:
            notice.cancel()

    async def _look_after(self, session: BusSession) -> None:
        """Returns when the session is lost. Finds out about RabbitMQ's alarms by asking: aio_pika tells nobody."""
        while not session.lost.done():
            if await session.is_blocked():
                self._refuse(BLOCKED, ALARM)
            else:
                self._accept()
            await asyncio.wait([session.lost], timeout=LOOK_FOR_ALARMS_EVERY_S)
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
        """Ends the session, if there is one, within a few seconds."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


@asynccontextmanager
async def open_bus_link(settings: GatewaySettings) -> AsyncIterator[BusLink]:
    """The link, usable when RabbitMQ is there within BUS_START_TIMEOUT_S; else it refuses batches until it is."""
    link = BusLink(settings)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running("bus", link.keep_open))
        if settings.admin_port is not None:
            await stack.enter_async_context(running("queue watch", lambda: keep_watching(link.count_queue)))
        with suppress(TimeoutError):
            await asyncio.wait_for(link.usable(), settings.bus_start_timeout_s)
        yield link

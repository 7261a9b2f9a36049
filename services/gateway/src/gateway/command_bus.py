"""Commands to the task-writer, in batches, each with its own outcome by its deadline.

Between this module and RabbitMQ stands only the function that publishes a batch: see bus_link.py.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from common import eager_tasks
from common.contracts import AnyCommand, CommandBatch, Outcome
from common.health import Part
from common.time_limits import time_limit
from common.tracing import batch_span

from gateway.batching import Batcher, BatchLimits
from gateway.metrics import LATE_REPLIES, measured, show_lane
from gateway.waiting import Full, Refusals

log = logging.getLogger(__name__)

BUS_DOWN = Outcome(status="refused", reason="The message bus is down.")
BUS_BLOCKED = Outcome(status="refused", reason="The message bus takes nothing now: its memory or disk has run out.")
OVERLOADED = Outcome(status="refused", reason="Too many writes are waiting.")
NOT_SENT = Outcome(status="expired", reason="The write's deadline passed before it could be sent.")
NOT_ACCEPTED = Outcome(status="refused", reason="The message bus did not accept the write.")
NO_ANSWER = Outcome(status="unknown", reason="There was no answer within the write's deadline.")
BUS_LOST = Outcome(status="unknown", reason="The message bus was lost while the write was on its way.")

type Publish = Callable[[UUID, CommandBatch], Awaitable[None]]
"""Hands a batch, under its id, to the broker. Returns once the broker has it; raises NotAccepted when it refuses, any
other exception when it is not known whether it has it."""


class NotAccepted(Exception):
    """The broker has refused the batch: it is certain that no writer will see it."""


@dataclass(slots=True)
class _Call:
    command: AnyCommand
    sent: bool = False


class CommandBus:
    """Sends commands and hands each its own outcome. Belongs to one event loop."""

    def __init__(self, publish: Publish, limits: BatchLimits) -> None:
        self._publish = publish
        self._batcher: Batcher[_Call, Outcome] = Batcher(measured("commands", self._exchange), limits)
        show_lane("commands", self._batcher)
        self._refusals = Refusals()
        self.part = Part()
        self.part.lost()  # until it is connected
        self._connected = False
        self._replies: dict[UUID, asyncio.Future[Sequence[Outcome] | None]] = {}
        self._publishing: set[asyncio.Task[None]] = set()

    async def call(self, command: AnyCommand) -> Outcome:
        """The outcome of `command`, at its deadline at the latest. A refusal and an outage are outcomes too."""
        if not self._connected:
            return BUS_DOWN
        call = _Call(command)
        try:
            with time_limit(command.seconds_left()):
                return await self._batcher.submit(command.user_id, call)
        except Full:
            await self._refusals.take_turn()
            return OVERLOADED
        except TimeoutError:
            return NO_ANSWER if call.sent else NOT_SENT

    def receive(self, batch_id: UUID, outcomes: Sequence[Outcome]) -> None:
        """Hands the outcomes of a batch to those who wait for them; an answer that comes too late is ignored."""
        reply = self._replies.get(batch_id)
        if reply is None or reply.done():
            LATE_REPLIES.inc()
            log.info("a late answer was ignored: batch %s", batch_id)
        else:
            reply.set_result(outcomes)

    def connected(self) -> None:
        """From now on commands are taken."""
        self.part.worked()
        self._connected = True

    def blocked(self) -> None:
        """From now on none are taken, and those that have not left are refused. Those that have may be answered yet."""
        self._connected = False
        self.part.lost()
        self._batcher.answer_waiting(BUS_BLOCKED)

    def lost(self) -> None:
        """Answers all that wait at once: `refused` to those that have not left, `unknown` to those that have."""
        self._connected = False
        self.part.lost()
        self._batcher.answer_waiting(BUS_DOWN)
        for reply in self._replies.values():
            if not reply.done():
                reply.set_result(None)

    async def _exchange(self, calls: Sequence[_Call]) -> Sequence[Outcome]:
        """Sends a batch without the commands whose deadline has passed; the outcomes of all."""
        live = [call for call in calls if call.command.seconds_left() > 0]
        for call in live:
            call.sent = True
        commands = [call.command for call in live]
        with batch_span("send commands", "PRODUCER", commands):
            outcomes = iter(await self._publish_and_wait(commands) if live else [])
        return [next(outcomes, NO_ANSWER) if call.sent else NOT_SENT for call in calls]

    async def _publish_and_wait(self, commands: Sequence[AnyCommand]) -> Sequence[Outcome]:
        """The reply to a batch. Waits, at the longest, until none of its commands can still be run."""
        batch_id = uuid4()
        self._replies[batch_id] = reply = asyncio.get_running_loop().create_future()
        publishing = eager_tasks.start(self._hand_over(batch_id, commands))
        self._publishing.add(publishing)
        publishing.add_done_callback(self._publishing.discard)
        try:
            with time_limit(max(command.seconds_left() for command in commands)):
                outcomes = await reply
        except TimeoutError:
            return [NO_ANSWER] * len(commands)
        finally:
            del self._replies[batch_id]
        return [BUS_LOST] * len(commands) if outcomes is None else outcomes

    async def _hand_over(self, batch_id: UUID, commands: Sequence[AnyCommand]) -> None:
        """Publishes; a failure is the batch's reply. The reply itself may come before the broker confirms."""
        try:
            await self._publish(batch_id, CommandBatch(commands=list(commands)))
        except NotAccepted as error:
            log.warning("the bus refused a batch of %d: %s", len(commands), error)
            self.receive(batch_id, [NOT_ACCEPTED] * len(commands))
        except Exception as error:
            log.warning("a batch of %d was lost on its way: %r", len(commands), error)
            self.receive(batch_id, [BUS_LOST] * len(commands))

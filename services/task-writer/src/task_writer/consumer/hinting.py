"""Tells gateways whose tasks have changed, so that their event streams need not wait for the next check (ADR 24).

A hint is sent after its batch was answered. It never delays or fails a write: what cannot be sent soon is dropped and
counted.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from uuid import UUID

from aio_pika.exceptions import AMQPError
from common.bus.broker import STEP_TIMEOUT_S, Connection
from common.bus.declarations import HINTS
from common.bus.kept_connection import KeptConnection
from common.bus.message_channel import MessageChannel
from common.contracts.hints import ChangeHint
from common.runtime.time_limits import time_limit
from common.settings import BusSettings
from pamqp.commands import Basic

from task_writer import metrics
from task_writer.batches import Answered

log = logging.getLogger(__name__)

CONNECTION_NAME = "task-writer hints"
PROPERTIES = Basic.Properties(content_type="application/json")
PUBLISH_TIMEOUT_S = 1.0
PAUSE_S = 0.04
"""After each hint. What is announced meanwhile shares the next one: a hint costs 0.05 ms, as much as one or two
commands of a batch, and RabbitMQ 0.08 ms. An event comes within 50 ms all the same (docs/events.md)."""

MAX_USERS = 10_000
"""That wait for the next hint, 56 bytes of it each. There are more only if RabbitMQ takes nothing."""

type Announce = Callable[[Sequence[Answered]], None]
"""Is given each batch with its outcomes once it is answered; raises nothing and does not wait."""


def to_nobody(_: Sequence[Answered]) -> None:
    """Announces nothing."""


class HintPublisher:
    """Has a connection of its own: RabbitMQ closes a channel whose user may not publish, or whose exchange is missing,
    and replies must not be lost with it."""

    def __init__(self, settings: BusSettings) -> None:
        self.connection = KeptConnection(settings, CONNECTION_NAME, _prepare)
        self._announced: dict[UUID, int] = {}
        self._has_announced = asyncio.Event()

    def announce(self, answered: Sequence[Answered]) -> None:
        """The next hint names all users of the batch whose tasks may have changed, if there are any."""
        changes = changes_of(answered)
        if not changes:
            return
        if self.connection.current is None or len(self._announced) >= MAX_USERS:
            metrics.HINTS_DROPPED.inc()
            return
        for user_id, revision in changes:
            self._announced[user_id] = max(revision, self._announced.get(user_id, 0))
        self._has_announced.set()

    async def keep_sending(self) -> None:
        """Runs for ever: sends what was announced, at once after a quiet time, and every PAUSE_S under load."""
        while True:
            await self._has_announced.wait()
            await self.send_announced()
            await asyncio.sleep(PAUSE_S)

    async def send_announced(self) -> None:
        """Sends what was announced and not sent yet, if there is anything. Raises nothing, and takes PUBLISH_TIMEOUT_S
        at most."""
        revisions, self._announced = self._announced, {}
        self._has_announced.clear()
        channel = self.connection.current
        if not revisions:
            return
        try:
            if channel is None:
                raise ConnectionError("the connection was lost")
            with time_limit(PUBLISH_TIMEOUT_S):
                body = ChangeHint(revisions=revisions).model_dump_json().encode()
                await channel.publish(body, PROPERTIES, "", exchange=HINTS.name)
        except (AMQPError, OSError, RuntimeError) as error:  # TimeoutError is an OSError
            metrics.HINTS_DROPPED.inc()
            log.debug("a hint was not sent: %r", error)
        else:
            metrics.HINTS_SENT.inc()


def changes_of(answered: Sequence[Answered]) -> list[tuple[UUID, int]]:
    """What a batch may have changed: the user of each such command, and the revision reached by it.

    A command that changed nothing because all was so already is `done` too, and names the revision at which it became
    so: whoever gets the hint has seen that. A recorded outcome is told again, because its first hint may be lost.
    """
    return [
        (one.command.user_id, one.outcome.revision)
        for one in answered
        if one.outcome.status == "done" and one.outcome.revision is not None
    ]


async def _prepare(connection: Connection) -> MessageChannel:
    """Declares the exchange whenever a connection is opened."""
    channel = await connection.channel(publisher_confirms=False)
    await channel.declare_exchange(HINTS.name, HINTS.type.value, durable=HINTS.durable, timeout=STEP_TIMEOUT_S)
    return await connection.messages_on(channel)

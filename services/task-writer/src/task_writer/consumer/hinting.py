"""Tells gateways whose tasks have changed, so that their event streams need not wait for the next check (ADR 24).

A hint is sent after its batch was answered. It never delays or fails a write: what cannot be sent soon is dropped and
counted.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence

from aio_pika import Message
from aio_pika.abc import AbstractExchange
from aio_pika.exceptions import AMQPError
from common.bus.broker import STEP_TIMEOUT_S, Connection
from common.bus.kept_connection import KeptConnection
from common.bus.topology import HINTS
from common.contracts.hints import ChangeHint
from common.runtime.time_limits import time_limit
from common.settings import BusSettings

from task_writer import metrics
from task_writer.batches import Answered

log = logging.getLogger(__name__)

CONNECTION_NAME = "task-writer hints"
PUBLISH_TIMEOUT_S = 1.0
MAX_IN_FLIGHT = 16  # publishes take microseconds, unless RabbitMQ takes nothing: then more would only pile up

type Announce = Callable[[Sequence[Answered]], Awaitable[None]]
"""Is given each batch with its outcomes once it is answered, and raises nothing."""


async def to_nobody(_: Sequence[Answered]) -> None:
    """Announces nothing."""


class HintPublisher:
    """Has a connection of its own: RabbitMQ closes a channel whose user may not publish, or whose exchange is missing,
    and replies must not be lost with it."""

    def __init__(self, settings: BusSettings) -> None:
        self.connection = KeptConnection(settings, CONNECTION_NAME, _prepare)
        self._in_flight = 0

    async def announce(self, answered: Sequence[Answered]) -> None:
        """Sends one hint with all users of the batch whose tasks may have changed, if there are any. Raises nothing,
        and takes PUBLISH_TIMEOUT_S at most."""
        hint = hint_of(answered)
        if hint is None:
            return
        exchange = self.connection.current
        if exchange is None or self._in_flight >= MAX_IN_FLIGHT:
            metrics.HINTS_DROPPED.inc()
            return
        self._in_flight += 1
        try:
            with time_limit(PUBLISH_TIMEOUT_S):
                message = Message(hint.model_dump_json().encode(), content_type="application/json")
                await exchange.publish(message, "", mandatory=False)
        except (AMQPError, OSError, RuntimeError) as error:  # TimeoutError is an OSError
            metrics.HINTS_DROPPED.inc()
            log.debug("a hint was not sent: %r", error)
        else:
            metrics.HINTS_SENT.inc()
        finally:
            self._in_flight -= 1


def hint_of(answered: Sequence[Answered]) -> ChangeHint | None:
    """The hint of a batch; None when it has changed nothing.

    A command that changed nothing because all was so already is `done` too, and names the revision at which it became
    so: whoever gets the hint has seen that. A recorded outcome is told again, because its first hint may be lost.
    """
    done = [
        (one.command.user_id, one.outcome.revision)
        for one in answered
        if one.outcome.status == "done" and one.outcome.revision is not None
    ]
    return ChangeHint(revisions=dict(sorted(done, key=lambda one: one[1]))) if done else None  # the last one counts


async def _prepare(connection: Connection) -> AbstractExchange:
    """The exchange, which is declared whenever a connection is opened."""
    channel = await connection.channel(publisher_confirms=False)
    return await channel.declare_exchange(HINTS.name, HINTS.type.value, durable=HINTS.durable, timeout=STEP_TIMEOUT_S)

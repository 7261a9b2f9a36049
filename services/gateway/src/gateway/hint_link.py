"""Hears the hints of the task-writers, for the event hub: on a queue of its own, which goes with its connection.

Nothing is acknowledged, and what this process does not take in time RabbitMQ drops: hints may be lost (ADR 24).
"""

import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aio_pika.abc import AbstractIncomingMessage, AbstractQueue
from aiormq.abc import FieldTable
from common.bus.broker import Connection
from common.bus.kept_connection import KeptConnection
from common.bus.topology import HINT_QUEUE_MAX_HINTS, HINT_QUEUE_PREFIX, HINTS_NAME
from common.contracts.hints import ChangeHint
from common.runtime.background import running
from pydantic import ValidationError

from gateway.event_deltas import Readers
from gateway.event_hub import EventHub
from gateway.metrics import HINTS_CONNECTED, HINTS_RECEIVED
from gateway.settings import GatewaySettings

log = logging.getLogger(__name__)

CONNECTION_NAME = "gateway hints"

_USED, _UNUSED, _BAD = (HINTS_RECEIVED.labels(result) for result in ("used", "unused", "bad"))


@asynccontextmanager
async def open_event_hub(settings: GatewaySettings, readers: Readers) -> AsyncIterator[EventHub]:
    """The hub, usable immediately. It connects to RabbitMQ once there is a stream, and works without it."""
    hub = EventHub(readers, settings)
    hints = _hint_connection(settings, hub)
    HINTS_CONNECTED.set_function(lambda: hints.current is not None)
    async with (
        running("event reads", hub.keep_reading),
        running("event ticks", hub.keep_ticking),
        running("hints", hints.keep_open),
    ):
        yield hub


def _hint_connection(settings: GatewaySettings, hub: EventHub) -> KeptConnection[AbstractQueue]:
    async def receive(message: AbstractIncomingMessage) -> None:
        try:
            hint = ChangeHint.model_validate_json(message.body)
        except ValidationError as error:
            _BAD.inc()
            log.error("ignored a hint that cannot be read: %s", error)  # noqa: TRY400 - no stack needed
        else:
            (_USED if hub.hint(hint.revisions) else _UNUSED).inc()

    async def listen(connection: Connection) -> AbstractQueue:
        channel = await connection.channel(publisher_confirms=False)
        name = HINT_QUEUE_PREFIX + secrets.token_hex(8)
        bounded: FieldTable = {"x-max-length": HINT_QUEUE_MAX_HINTS}  # the oldest go first
        queue = await channel.declare_queue(name, exclusive=True, auto_delete=True, arguments=bounded)
        await queue.bind(HINTS_NAME)
        await queue.consume(receive, no_ack=True)
        return queue

    async def look(_: AbstractQueue) -> None:
        """Hints that were sent until now are lost."""
        hints.up()
        hub.look_at_all()

    hints = KeptConnection(settings, CONNECTION_NAME, listen, when=hub.streaming.wait, watch=look)
    return hints

"""Connections to RabbitMQ through FastStream, with its unsafe defaults replaced."""

import asyncio
import logging
import random
from collections.abc import Callable
from types import TracebackType

from aio_pika import Message, RobustConnection
from aio_pika.abc import AbstractExchange, TimeoutType
from faststream.rabbit import Channel, RabbitBroker, RabbitMessage
from yarl import URL

from common.runtime.time_limits import time_limit
from common.settings import BusSettings

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 5.0
RECONNECT_PAUSE_S = 1.0
STOP_TIMEOUT_S = 3.0  # with the next one
GRACEFUL_TIMEOUT_S = 1.0  # for handlers; those that take longer are waited for by the service itself
SAY_SO_AFTER_S = 0.5


class _Broker(RabbitBroker):
    """FastStream's, but it stops in time, whether RabbitMQ answers or not."""

    async def stop(
        self,
        exc_type: type[BaseException] | None = None,
        exc_val: BaseException | None = None,
        exc_tb: TracebackType | None = None,
    ) -> None:
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await super().stop(exc_type, exc_val, exc_tb)
        except TimeoutError:
            log.warning("RabbitMQ does not answer; its connection is left as it is")


class _Connection(RobustConnection):
    """aio_pika's connection, whose first attempts end when they are cancelled.

    Its own go on in a task that nobody holds, and that swallows the cancellation at the end of the event loop: a
    service that is stopped while it waits for RabbitMQ would never end.
    """

    async def connect(self, timeout: TimeoutType = None) -> None:  # noqa: ASYNC109 - the signature is aio_pika's
        try:
            await super().connect(timeout)
        except asyncio.CancelledError:
            await self.close()
            raise


def connection_url(settings: BusSettings, name: str) -> URL:
    """RabbitMQ's address with all that aio_pika wants to know; `name` is shown in RabbitMQ's list of connections."""
    url = URL(settings.rabbitmq_url.get_secret_value())
    if settings.rabbitmq_ca_file is not None:
        url = url.update_query(cafile=str(settings.rabbitmq_ca_file))
    return url.update_query(name=name, heartbeat=settings.rabbitmq_heartbeat_s)


def make_broker(
    settings: BusSettings,
    name: str,
    *,
    channel: Channel | None = None,
    on_lost: Callable[[], None] | None = None,
    on_restored: Callable[[], None] | None = None,
) -> RabbitBroker:
    """A connection to be started later; `name` is shown in RabbitMQ's list of connections.

    Starting it waits for a RabbitMQ that is not there yet, and says so in the log; once started it reconnects by
    itself, with a pause that differs from process to process so that not all come back at one moment.

    `on_lost` is called when the connection is gone, `on_restored` when it is back with its queues and consumers.
    """
    broker = _Broker(
        connection_url(settings, name),
        fail_fast=False,
        timeout=CONNECT_TIMEOUT_S,
        reconnect_interval=RECONNECT_PAUSE_S * random.uniform(0.5, 1.0),  # noqa: S311 - jitter, not a secret
        default_channel=channel or Channel(on_return_raises=True),
        on_close=[lambda *_: on_lost()] if on_lost else None,
        on_reconnected=[lambda *_: on_restored()] if on_restored else None,
        graceful_timeout=GRACEFUL_TIMEOUT_S,
        apply_types=False,  # FastDepends hands a message over through a thread: 1 ms of a lone write
        logger=log,
        log_level=logging.DEBUG,
    )
    broker._connection_kwargs["connection_class"] = _Connection  # noqa: SLF001 - FastStream 0.7.8 has no other way
    return broker


class Publisher:
    """Sends messages to queues, over a connection of its own that `make_broker` made.

    By aio_pika's channel and not by FastStream's `publish`, which takes each message through middlewares and parsers
    that are not used here.
    """

    def __init__(self, broker: RabbitBroker, *, confirmed: bool) -> None:
        self._broker = broker
        self._confirmed = confirmed
        self._exchange: AbstractExchange | None = None

    async def start(self) -> None:
        """Waits for RabbitMQ, however long it takes."""
        await start_broker(self._broker)
        connection = await self._broker.connect()
        channel = await connection.channel(publisher_confirms=self._confirmed, on_return_raises=self._confirmed)
        self._exchange = channel.default_exchange

    async def stop(self) -> None:
        """Closes the connection."""
        await self._broker.stop()

    async def publish(self, message: Message, queue: str, *, within_s: float) -> None:
        """Returns once the message is written, or, when `confirmed`, once the broker has it.

        Raises DeliveryError when the broker refuses it or has no such queue (unconfirmed: neither is noticed),
        TimeoutError, and aio_pika's other errors when it is not known whether the broker has it.
        """
        if self._exchange is None:
            raise ConnectionError("not connected to RabbitMQ yet")
        with time_limit(within_s):
            await self._exchange.publish(message, queue, mandatory=self._confirmed)


async def start_broker(broker: RabbitBroker) -> None:
    """Starts the connection, however long RabbitMQ may take to be there, and says that it waits."""
    notice = asyncio.get_running_loop().call_later(SAY_SO_AFTER_S, log.warning, "waiting for RabbitMQ")
    try:
        await broker.start()
    finally:
        notice.cancel()


async def whole_message(message: RabbitMessage) -> RabbitMessage:
    """The decoder of every subscriber: the handler gets the message, and parses its body once, by pydantic.

    FastStream's own parses JSON before the handler is called, so that a body that is none would never reach it.
    """
    return message

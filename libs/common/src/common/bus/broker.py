"""Connections to RabbitMQ that are used once: one that is lost stays lost, and says why; kept_connection.py opens the
next one. They restore nothing by themselves, and need no more of aio_pika than its public API.

All connections are made here, and whoever has one closes it before it is forgotten. aio_pika's own, forgotten unclosed,
is closed by its finalizer: in a task that nobody holds, or, when no event loop runs, never, with a warning wherever the
garbage collector happens to run.
"""

import asyncio
import random
from contextlib import suppress
from typing import Any, cast

import aio_pika
import aiormq
from aio_pika.abc import AbstractChannel, AbstractQueue, TimeoutType
from aio_pika.exceptions import DeliveryError
from aiormq.abc import AbstractChannel as AiormqChannel
from aiormq.abc import ExceptionType
from aiormq.exceptions import ConnectionClosed, InvalidFrameError
from yarl import URL

from common.addresses import split_amqp_addresses
from common.bus.frames import Frames
from common.bus.message_channel import MessageChannel, Receive
from common.settings import BusSettings

STEP_TIMEOUT_S = 5.0
"""For each step of opening a connection and what is needed on it."""

QUICK_CONNECT_TIMEOUT_S, QUICK_STEP_TIMEOUT_S = 1.5, 3.0
"""For connecting, and for what is needed on the connection, while there are other nodes to be tried."""

CLOSE_TIMEOUT_S = 1.0
"""For the closing handshake; RabbitMQ also notices a closed socket. Shorter than background.py waits at the end."""

BLOCKED_AFTER_S = 0.05
PROBE_TIMEOUT_S = 2.0
NO_QUEUE = ""  # no queue has this name

NO_VIRTUAL_HOST = (
    "RabbitMQ does not open the virtual host of the address: it is missing, the user has no permissions in it, or it "
    "has as many connections as it may; RabbitMQ's log says which"
)


# A node that is frozen, or whose packets are lost, closes nothing. RabbitMQ sends two heartbeats in the time after
# which the other side counts as gone (https://www.rabbitmq.com/docs/heartbeats); aiormq would wait three times as long.
aiormq.Connection.HEARTBEAT_GRACE_MULTIPLIER = 1


class _Channel(aio_pika.Channel):
    """As FastStream asks for one: it tells each queue whether it is restored. None is."""

    async def declare_queue(self, name: str | None = None, *, robust: bool = False, **given: Any) -> AbstractQueue:
        return await super().declare_queue(name, **given)


class Connection(aio_pika.Connection):
    """A connection that counts as lost once it, or one of its channels, is closed. Belongs to one event loop."""

    CHANNEL_CLASS = _Channel

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._frames = self.kwargs["transport_factory"] = Frames()  # which aio_pika hands to aiormq
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Done, with the reason, once the connection is lost."""
        self.close_callbacks.add(self._lost_by)
        self.for_looks: AiormqChannel | None = None
        """The channel of look_channel.py, while there is one."""

    def lose(self, reason: str) -> None:
        """Marks the connection as lost. The first reason counts."""
        if not self.lost.done():
            self.lost.set_result(reason)

    async def connect(self, timeout: TimeoutType = None) -> None:  # noqa: ASYNC109 - the signature is aio_pika's
        """Is closed when it fails."""
        try:
            await super().connect(timeout)
        except BaseException:
            await self.close()
            raise

    async def close(self, exc: ExceptionType | None = ConnectionClosed) -> None:
        """Counts as closed afterwards also when it is cancelled while RabbitMQ does not answer."""
        try:
            await super().close(exc)
        finally:
            await super().close(exc)  # has no transport any more: waits for nothing

    def channel(self, *given: Any, **more: Any) -> AbstractChannel:
        channel = super().channel(*given, **more)
        channel.close_callbacks.add(self._lost_by)
        return channel

    async def messages_on(
        self, channel: AbstractChannel, receive: Receive | None = None, *, confirmed: bool = False
    ) -> MessageChannel:
        """The hot path on a channel: publishes on it, and gives its deliveries to `receive`.

        With `confirmed`, nothing else may publish on the channel from now on.
        """
        aiormqs = cast("aiormq.Channel", await channel.get_underlay_channel())
        messages = MessageChannel(
            self._frames,
            aiormqs.number,
            frame_max=aiormqs.connection.connection_tune.frame_max,
            receive=receive,
            confirmed_from=aiormqs.delivery_tag if confirmed else None,
        )
        self.lost.add_done_callback(lambda _: messages.lose())
        return messages

    async def is_blocked(self) -> bool:
        """Whether RabbitMQ accepts no messages here, because its memory or disk is exhausted. Takes BLOCKED_AFTER_S.

        It blocks a connection once that tries to publish. Messages published meanwhile wait in this process.
        """
        if self.transport is None:
            return False
        try:
            async with asyncio.timeout(BLOCKED_AFTER_S):
                await self.transport.ready()
        except TimeoutError:
            return True
        return False

    async def end(self) -> None:
        """Closes it within CLOSE_TIMEOUT_S, whether RabbitMQ answers or not."""
        self.lose("the connection was ended")
        with suppress(Exception):  # of whatever kind: there is nothing to be done about it
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self.close()

    def _lost_by(self, _: object, error: BaseException | None) -> None:
        self.lose("the connection was closed" if error is None else described(error))


def connection_urls(settings: BusSettings, name: str) -> list[URL]:
    """RabbitMQ's addresses with all that aio_pika wants to know; `name` is shown in RabbitMQ's list of connections.

    In random order, so that the connections spread over the nodes of a cluster.
    """
    urls = [URL(address) for address in split_amqp_addresses(settings.rabbitmq_url)]
    random.shuffle(urls)
    if settings.rabbitmq_ca_file is not None:
        urls = [url.update_query(cafile=str(settings.rabbitmq_ca_file)) for url in urls]
    return [url.update_query(name=name, heartbeat=settings.rabbitmq_heartbeat_s) for url in urls]


async def connect(settings: BusSettings, name: str) -> Connection:
    """A new connection to the first node that takes one. Raises what stands in the way at the last one, which gets
    STEP_TIMEOUT_S, and leaves nothing behind then."""
    *others, last = connection_urls(settings, name)
    for url in others:
        with suppress(Exception):  # of whatever kind: the next one may work
            return await connect_to(url, within_s=QUICK_CONNECT_TIMEOUT_S)
    return await connect_to(last)


async def connect_to(url: URL | str, *, within_s: float | None = None) -> Connection:
    """As `connect`, to one complete address; within STEP_TIMEOUT_S unless given."""
    return await aio_pika.connect(url, timeout=within_s or STEP_TIMEOUT_S, connection_class=Connection)


async def probe_publishing(channel: AbstractChannel) -> None:
    """Raises aio_pika's errors when the user lacks the right to publish: RabbitMQ then rejects this unroutable message
    instead of returning it.

    Raises TimeoutError without an answer within PROBE_TIMEOUT_S. While the connection is blocked there is none, and
    later messages wait too.
    """
    with suppress(DeliveryError):
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            await channel.default_exchange.publish(aio_pika.Message(b""), NO_QUEUE, mandatory=True)


def described(error: BaseException) -> str:
    """The error's kind and text, on one line, for an operator; the same text whenever the same thing is in the way."""
    kind = type(error).__name__
    if isinstance(error, TimeoutError):
        return f"{kind}: RabbitMQ did not answer in time"
    if isinstance(error, asyncio.CancelledError):  # aiormq's, when it has given up
        return f"{kind}: RabbitMQ has sent nothing in time, not even a heartbeat"
    if isinstance(error, InvalidFrameError) and "'Connection.OpenOk'" in str(error):  # its text has an object's address
        return f"{kind}: {NO_VIRTUAL_HOST}"
    return " ".join(f"{kind}: {error}".split())

"""Messages that are read and written beside aiormq: packed as aiormq packs them, and nothing of its own is lost."""

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import pytest
from aiormq.abc import ChannelFrame
from aiormq.exceptions import AMQPConnectionError
from common.bus.broker import Connection
from common.bus.frames import HEARTBEAT, Frames
from common.bus.message_channel import Message, MessageChannel
from pamqp import commands
from pamqp.base import Frame
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.frame import marshal
from pamqp.header import ContentHeader
from yarl import URL

LIMIT_S = 5.0
FRAME_MAX = 4096
PART_BYTES = FRAME_MAX - 8
OURS, ANOTHER = 1, 2

SENT = Basic.Properties(
    reply_to="to", correlation_id="7", message_id="7", content_type="application/json", headers={"sent": 1 << 40}
)


@dataclass(frozen=True)
class Line:
    """Both ends of a connection."""

    frames: Frames
    read: asyncio.StreamReader
    server_reads: asyncio.StreamReader
    server_writes: asyncio.StreamWriter

    def channel(self, heard: list[Message] | None = None, *, confirmed: bool = False) -> MessageChannel:
        return MessageChannel(
            self.frames,
            OURS,
            frame_max=FRAME_MAX,
            receive=None if heard is None else heard.append,
            confirmed_from=0 if confirmed else None,
        )

    def split(self, data: bytes) -> bytes:
        return self.frames.split(data).replace(HEARTBEAT, b"")


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    served: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

    async def serve(reads: asyncio.StreamReader, writes: asyncio.StreamWriter) -> None:
        await served.put((reads, writes))

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        frames = Frames()
        port = server.sockets[0].getsockname()[1]
        read, writer = await frames.create(URL(f"amqp://127.0.0.1:{port}"), ssl_context_provider=None)
        server_reads, server_writes = await asyncio.wait_for(served.get(), LIMIT_S)
        yield Line(frames, read, server_reads, server_writes)
        writer.transport.abort()
        server_writes.transport.abort()


def on(channel: int, *frames: Frame | ContentHeader | ContentBody) -> bytes:
    return b"".join(marshal(frame, channel) for frame in frames)


def delivered(tag: int, body: bytes, *, again: bool = False, channel: int = OURS) -> bytes:
    parts = [ContentBody(body[start : start + PART_BYTES]) for start in range(0, len(body), PART_BYTES)]
    header = ContentHeader(properties=SENT, body_size=len(body))
    return on(channel, Basic.Deliver("ctag1.x", tag, again, "", "tasks.commands"), header, *parts)


def returned(message_id: str) -> bytes:
    properties = Basic.Properties(message_id=message_id)
    return on(OURS, Basic.Return(312, "NO_ROUTE", "", "nowhere"), ContentHeader(properties=properties, body_size=0))


async def unconfirmed(channel: MessageChannel, *message_ids: str) -> Sequence[asyncio.Task[None]]:
    """Messages that were sent."""
    publishing = [
        asyncio.create_task(channel.publish_confirmed(b"x", Basic.Properties(message_id=message_id), "q"))
        for message_id in message_ids
    ]
    await asyncio.wait(publishing, timeout=0)
    return publishing


async def results(publishing: Sequence[asyncio.Task[None]]) -> list[str]:
    done = await asyncio.wait_for(asyncio.gather(*publishing, return_exceptions=True), LIMIT_S)
    return [type(one).__name__ for one in done]


async def test_aio_pika_hands_the_socket_to_aiormq() -> None:
    """Fails when a release does it in another way."""
    called = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writes: asyncio.StreamWriter) -> None:
        called.set()
        writes.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        connection = Connection(URL(f"amqp://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
        with pytest.raises(AMQPConnectionError):
            await connection.connect(LIMIT_S)

    assert called.is_set()
    assert connection._frames.writer.is_closing()


@pytest.mark.parametrize("size", [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES + 5])
@pytest.mark.parametrize("mandatory", [False, True], ids=["optional", "mandatory"])
async def test_a_message_is_packed_as_aiormq_packs_it(line: Line, size: int, *, mandatory: bool) -> None:
    body = b"x" * size
    parts = [ContentBody(body[start : start + PART_BYTES]) for start in range(0, size, PART_BYTES)]
    method = Basic.Publish(exchange="hints", routing_key="schlüssel", mandatory=mandatory)
    packed = ChannelFrame.marshall(OURS, [method, ContentHeader(properties=SENT, body_size=size), *parts]).payload

    await line.channel().publish(body, SENT, "schlüssel", exchange="hints", mandatory=mandatory)

    assert await asyncio.wait_for(line.server_reads.readexactly(len(packed)), LIMIT_S) == packed


async def test_an_acknowledgement_is_packed_as_aiormq_packs_it(line: Line) -> None:
    packed = on(OURS, Basic.Ack(1 << 40))

    line.channel().acknowledge(1 << 40)

    assert await asyncio.wait_for(line.server_reads.readexactly(len(packed)), LIMIT_S) == packed


@pytest.mark.parametrize("at_once", [1, 7, 8, 9, 1000, 1 << 20])
async def test_messages_are_taken_and_all_else_is_aiormqs(line: Line, at_once: int) -> None:
    heard: list[Message] = []
    line.channel(heard)
    body = bytes(range(256)) * 40
    others = [
        on(0, commands.Connection.Blocked("memory")),
        on(OURS, Basic.Ack(1)),
        returned("7"),
        delivered(5, body, channel=ANOTHER),
        on(OURS, Basic.Cancel("ctag1.x")),
        on(OURS, commands.Channel.Flow(active=False)),
        on(OURS, commands.Channel.Close(406, "closed", 0, 0)),
    ]
    stream = b"".join(other + delivered(tag, body[tag:], again=tag > 1) for tag, other in enumerate(others))

    rest = b"".join(line.split(stream[start : start + at_once]) for start in range(0, len(stream), at_once))

    assert rest == b"".join(others)
    assert heard == [Message(tag, tag > 1, SENT, body[tag:]) for tag in range(len(others))]


async def test_an_empty_message_is_taken(line: Line) -> None:
    heard: list[Message] = []
    line.channel(heard)

    assert line.split(delivered(1, b"") + delivered(2, b"x")) == b""
    assert [message.body for message in heard] == [b"", b"x"]


async def test_a_frame_of_another_channel_may_come_between_those_of_a_message(line: Line) -> None:
    heard: list[Message] = []
    line.channel(heard)
    message, between = delivered(1, b"whole"), on(ANOTHER, commands.Queue.DeclareOk("q", 0, 0))
    split_at = len(message) - len(on(OURS, ContentBody(b"whole")))

    assert line.split(message[:split_at] + between + message[split_at:]) == between
    assert [message.body for message in heard] == [b"whole"]


async def test_aiormq_hears_a_heartbeat_while_messages_alone_come(line: Line) -> None:
    line.channel([])
    line.server_writes.write(delivered(1, b"x"))

    assert await asyncio.wait_for(line.read.readexactly(len(HEARTBEAT)), LIMIT_S) == HEARTBEAT


async def test_aiormq_hears_no_heartbeat_that_nobody_sent_before_anything_is_taken(line: Line) -> None:
    opened = on(0, commands.Connection.OpenOk())

    assert line.frames.split(opened) == opened


@pytest.mark.parametrize("answer", [b"AMQP\x00\x00\x09\x01", delivered(1, b"cut off")[:-3]], ids=["version", "cut"])
async def test_aiormq_gets_what_is_no_frame_once_the_connection_ends(line: Line, answer: bytes) -> None:
    line.server_writes.write(answer)
    line.server_writes.close()

    assert await asyncio.wait_for(line.read.read(), LIMIT_S) == answer


async def test_a_message_that_cannot_be_processed_hides_none(line: Line) -> None:
    heard: list[Message] = []

    def receive(message: Message) -> None:
        if not message.body:
            raise RuntimeError("no body")
        heard.append(message)

    MessageChannel(line.frames, OURS, frame_max=FRAME_MAX, receive=receive)
    line.split(delivered(1, b"") + delivered(2, b"x"))

    assert [message.tag for message in heard] == [2]


async def test_a_confirm_may_be_of_several_messages(line: Line) -> None:
    publishing = await unconfirmed(line.channel(confirmed=True), "a", "b", "c", "d")

    line.split(on(OURS, Basic.Ack(2, multiple=True), Basic.Nack(4), Basic.Ack(3)))

    assert await results(publishing) == ["NoneType", "NoneType", "NoneType", "DeliveryError"]


async def test_a_returned_message_fails_alone(line: Line) -> None:
    publishing = await unconfirmed(line.channel(confirmed=True), "a", "b", "c")

    line.split(returned("b") + on(OURS, Basic.Ack(3, multiple=True)))

    assert await results(publishing) == ["NoneType", "DeliveryError", "NoneType"]


async def test_a_confirm_of_what_was_given_up_is_ignored(line: Line) -> None:
    first, second = await unconfirmed(line.channel(confirmed=True), "a", "b")
    first.cancel()

    line.split(returned("a") + on(OURS, Basic.Ack(1), Basic.Ack(2), Basic.Ack(9)))

    assert await results([first, second]) == ["CancelledError", "NoneType"]


async def test_what_is_not_confirmed_fails_with_the_connection(line: Line) -> None:
    channel = line.channel(confirmed=True)
    publishing = await unconfirmed(channel, "a", "b")
    line.split(on(OURS, Basic.Ack(1)))

    channel.lose()

    assert await results(publishing) == ["NoneType", "ConnectionError"]


async def test_nothing_is_sent_on_a_closed_connection(line: Line) -> None:
    channel = line.channel(confirmed=True)
    line.frames.writer.close()

    with pytest.raises(ConnectionError):
        channel.acknowledge(1)
    with pytest.raises(ConnectionError):
        await channel.publish(b"x", SENT, "q")


async def test_what_rabbitmq_does_not_read_is_not_kept_in_this_process(line: Line) -> None:
    body = b"x" * 100_000
    channel = line.channel()

    async def publish_for_ever() -> None:
        while True:
            await channel.publish(body, SENT, "q")

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(publish_for_ever(), 1)

    assert line.frames.writer.transport.get_write_buffer_size() < 3 * len(body)


async def test_a_header_that_cannot_be_read_ends_the_connection(line: Line) -> None:
    line.channel([])
    method = on(OURS, Basic.Deliver("ctag1.x", 1, False, "", "tasks.commands"))
    line.server_writes.write(method + b"\x02\x00\x01\x00\x00\x00\x02\x00\x3c\xce")  # ends after the class

    with pytest.raises(struct.error):
        await asyncio.wait_for(line.read.read(), LIMIT_S)
    assert line.frames.writer.is_closing()

"""Each service's own RabbitMQ user, by deploy/rabbitmq/definitions.json: what it needs works, all else is refused."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import ProbableAuthenticationError
from aiormq.exceptions import ChannelAccessRefused, ChannelLockedResource
from common.bus.broker import connect_to
from common.bus.declarations import COMMANDS, DEAD_LETTERS, HINTS
from common.bus.topology import COMMANDS_NAME, DEAD_LETTERS_NAME, HINTS_NAME
from gateway.settings import GatewaySettings
from gateway.write_lanes import open_write_lanes
from local_stack.rabbitmq import Rabbitmq
from local_stack.rabbitmq_users import SERVICE_USERS
from pydantic import HttpUrl, SecretStr
from task_writer.app import open_writer

from tests.commands import create, plain
from tests.conftest import Addresses, writer_settings
from tests.integration.dead_letters import Operator
from tests.waiting import eventually

GATEWAY, WRITER, OPERATOR = SERVICE_USERS
STRANGE = "strange"
OF_ANOTHER_GATEWAY = "tasks.changed.gateway.0b"
LOOKS_NEED_RIGHTS = (4, 2, 6)  # the first release in which a passive declare needs a right on the queue

type Deed = Callable[[AbstractChannel], Awaitable[object]]


@pytest.fixture(scope="module")
async def queue_of_another(node: Rabbitmq) -> AsyncIterator[None]:
    """Another gateway's, for as long as it is connected. For the whole module: RabbitMQ deletes an exclusive queue some
    time after its connection, and nobody else can declare one of that name until then."""
    async with await connect_to(node.url) as connection, connection.channel() as channel:
        await channel.declare_queue(OF_ANOTHER_GATEWAY, exclusive=True)
        yield


@pytest.fixture
async def queues(node: Rabbitmq, queue_of_another: None) -> AsyncIterator[None]:
    """All queues there are, and one of somebody else."""
    async with await connect_to(node.url) as connection, connection.channel() as channel:
        for queue in (COMMANDS, DEAD_LETTERS):
            await channel.declare_queue(queue.name, durable=queue.durable, arguments=queue.arguments)
        await channel.declare_exchange(HINTS.name, HINTS.type.value, durable=HINTS.durable)
        await channel.declare_queue(STRANGE, durable=True)
        yield


async def test_gateway_and_writer_work_with_their_own_users(node: Rabbitmq, addresses: Addresses) -> None:
    gateway = GatewaySettings(
        rabbitmq_url=SecretStr(node.user_urls[GATEWAY]), reader_url=HttpUrl("http://unused"), port=0
    )
    async with (
        open_writer(writer_settings(addresses, node.user_urls[WRITER])),
        open_write_lanes(gateway) as lanes,
    ):

        async def works() -> bool:
            return (await lanes.commands.call(plain(create()))).status == "done"

        await eventually(works)


async def test_the_operator_lists_replays_and_discards_dead_letters(
    node: Rabbitmq, addresses: Addresses, queues: None
) -> None:
    operator = Operator(node.user_urls[OPERATOR])
    async with await connect_to(node.user_urls[WRITER]) as connection, connection.channel() as channel:
        for body in (b"none of ours", b'{"commands": [%s]}' % create().model_dump_json().encode()):
            await channel.default_exchange.publish(aio_pika.Message(body), DEAD_LETTERS_NAME)

    unreadable, readable = await operator.ids()
    discarded = await operator("discard", unreadable, "--yes")
    async with open_writer(writer_settings(addresses, node.user_urls[WRITER])) as writer:
        await writer.consuming()
        replayed = await operator("replay", readable, "--force")

    assert (discarded.status, replayed.status) == (0, 0), (discarded, replayed)
    assert await operator.ids() == []


def reads(name: str) -> Deed:
    async def deed(channel: AbstractChannel) -> object:
        return await (await channel.get_queue(name, ensure=False)).get(fail=False, no_ack=True)

    return deed


def consumes(name: str) -> Deed:
    async def deed(channel: AbstractChannel) -> object:
        return await (await channel.get_queue(name, ensure=False)).consume(asyncio.Queue[object]().put)

    return deed


def purges(name: str) -> Deed:
    async def deed(channel: AbstractChannel) -> object:
        return await (await channel.get_queue(name, ensure=False)).purge()

    return deed


def looks_at(name: str) -> Deed:
    async def deed(channel: AbstractChannel) -> object:
        return await channel.declare_queue(name, passive=True)

    return deed


def deletes(name: str) -> Deed:
    async def deed(channel: AbstractChannel) -> object:
        return await channel.queue_delete(name)

    return deed


def declares(name: str) -> Deed:
    async def deed(channel: AbstractChannel) -> object:
        return await channel.declare_queue(name, durable=True)

    return deed


def taps(name: str) -> Deed:
    """Has copies of what goes through an exchange sent to a queue of one's own, which is how a thief would listen."""

    async def deed(channel: AbstractChannel) -> object:
        queue = await channel.get_queue(name, ensure=False)
        return await queue.bind("amq.direct", COMMANDS_NAME)

    return deed


async def makes_an_exchange(channel: AbstractChannel) -> object:
    return await channel.declare_exchange(STRANGE)


async def publishes_elsewhere(channel: AbstractChannel) -> object:
    exchange = await channel.get_exchange("amq.fanout", ensure=False)
    return await exchange.publish(aio_pika.Message(b""), "")


async def publishes_a_hint(channel: AbstractChannel) -> object:
    exchange = await channel.get_exchange(HINTS_NAME, ensure=False)
    return await exchange.publish(aio_pika.Message(b"{}"), "")


async def makes_the_exchange(channel: AbstractChannel) -> object:
    return await channel.declare_exchange(HINTS_NAME, HINTS.type.value, durable=True)


async def deletes_the_exchange(channel: AbstractChannel) -> object:
    return await channel.exchange_delete(HINTS_NAME)


def listens(exchange: str) -> Deed:
    """On a queue of its own; under another name each time, since the last one may still be there."""

    async def deed(channel: AbstractChannel) -> object:
        queue = await channel.declare_queue(f"tasks.changed.gateway.{uuid4().hex}", exclusive=True)
        await queue.bind(exchange)
        return await queue.consume(asyncio.Queue[object]().put, no_ack=True)

    return deed


ANYBODYS = {
    "reads a strange queue": reads(STRANGE),
    "deletes a strange queue": deletes(STRANGE),
    "makes a queue": declares("of-its-own"),
    "makes an exchange": makes_an_exchange,
    "publishes to another exchange": publishes_elsewhere,
}
REFUSED: dict[str, dict[str, Deed]] = {
    GATEWAY: {
        "reads commands": reads(COMMANDS_NAME),
        "consumes commands": consumes(COMMANDS_NAME),
        "empties the command queue": purges(COMMANDS_NAME),
        "deletes the command queue": deletes(COMMANDS_NAME),
        "makes the command queue": declares(COMMANDS_NAME),
        "reads dead letters": reads(DEAD_LETTERS_NAME),
        "deletes the dead letters": deletes(DEAD_LETTERS_NAME),
        "empties the dead letters": purges(DEAD_LETTERS_NAME),
        "makes the dead-letter queue": declares(DEAD_LETTERS_NAME),
        "taps an exchange": taps(STRANGE),
        "has commands from an exchange": taps(COMMANDS_NAME),
        "has dead letters from an exchange": taps(DEAD_LETTERS_NAME),
        "publishes a hint": publishes_a_hint,
        "makes the exchange of the hints": makes_the_exchange,
        "deletes the exchange of the hints": deletes_the_exchange,
        "listens to another exchange": listens("amq.direct"),
        **ANYBODYS,
    },
    WRITER: {
        "reads dead letters": reads(DEAD_LETTERS_NAME),
        "empties the dead letters": purges(DEAD_LETTERS_NAME),
        "taps an exchange": taps(COMMANDS_NAME),
        "listens to hints": listens(HINTS_NAME),
        **ANYBODYS,
    },
    OPERATOR: {
        "reads commands": reads(COMMANDS_NAME),
        "consumes commands": consumes(COMMANDS_NAME),
        "makes the command queue": declares(COMMANDS_NAME),
        "taps an exchange": taps(COMMANDS_NAME),
        "empties the command queue": purges(COMMANDS_NAME),
        "deletes the command queue": deletes(COMMANDS_NAME),
        "listens to hints": listens(HINTS_NAME),
        "publishes a hint": publishes_a_hint,
        "deletes the exchange of the hints": deletes_the_exchange,
        **ANYBODYS,
    },
}


@pytest.mark.usefixtures("queues")
@pytest.mark.parametrize("user", SERVICE_USERS)
@pytest.mark.parametrize("name", [COMMANDS_NAME, DEAD_LETTERS_NAME, STRANGE])
async def test_a_user_sees_how_full_its_queues_are_and_no_other(node: Rabbitmq, user: str, name: str) -> None:
    """Before 4.2.6 everybody sees all."""
    async with await connect_to(node.user_urls[user]) as connection:
        channel = await connection.channel()

        if name != STRANGE or node.version < LOOKS_NEED_RIGHTS:
            await looks_at(name)(channel)
        else:
            with pytest.raises(ChannelAccessRefused):
                await looks_at(name)(channel)


@pytest.mark.usefixtures("queues")
@pytest.mark.parametrize(
    ("user", "deed"),
    [pytest.param(user, deed, id=f"{user}-{name}") for user, deeds in REFUSED.items() for name, deed in deeds.items()],
)
async def test_what_a_user_has_no_need_of_is_refused(node: Rabbitmq, user: str, deed: Deed) -> None:
    async with await connect_to(node.user_urls[user]) as connection:
        channel = await connection.channel()

        with pytest.raises(ChannelAccessRefused):
            await deed(channel)


@pytest.mark.usefixtures("queues")
async def test_a_gateway_listens_to_hints_on_a_queue_of_its_own(node: Rabbitmq) -> None:
    async with await connect_to(node.user_urls[GATEWAY]) as connection:
        await listens(HINTS_NAME)(await connection.channel())


@pytest.mark.usefixtures("queues")
@pytest.mark.parametrize("deed", [reads(OF_ANOTHER_GATEWAY), consumes(OF_ANOTHER_GATEWAY)], ids=["gets", "consumes"])
async def test_a_gateway_does_not_hear_on_the_queue_of_another(node: Rabbitmq, deed: Deed) -> None:
    """It is exclusive."""
    async with await connect_to(node.user_urls[GATEWAY]) as connection:
        channel = await connection.channel()

        with pytest.raises(ChannelLockedResource):
            await deed(channel)


@pytest.mark.usefixtures("queues")
@pytest.mark.parametrize("deed", [makes_the_exchange, publishes_a_hint])
async def test_a_task_writer_makes_the_exchange_and_publishes_to_it(node: Rabbitmq, deed: Deed) -> None:
    async with await connect_to(node.user_urls[WRITER]) as connection:
        await deed(await connection.channel())


@pytest.mark.parametrize("user", SERVICE_USERS)
async def test_a_user_needs_its_own_password(node: Rabbitmq, user: str) -> None:
    with pytest.raises(ProbableAuthenticationError):
        await connect_to(f"amqp://{user}:{user}@127.0.0.1:{node.port}/")

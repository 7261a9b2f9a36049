"""What the writer does with messages, on a real RabbitMQ and a real PostgreSQL."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import aio_pika
import pytest
from common.bus.broker import connect_to
from common.bus.topology import COMMANDS_NAME, DEAD_LETTERS_NAME
from common.contracts.commands import AnyCommand
from common.postgres.database import Database
from local_stack.rabbitmq import Rabbitmq
from task_writer.app import Writer, open_writer

from tests.commands import create, delete, toggle
from tests.conftest import Addresses, writer_settings
from tests.integration.effects import titles
from tests.integration.locks import Locks
from tests.integration.raw_gateway import RawGateway, raw_gateway


@asynccontextmanager
async def running_writer(addresses: Addresses, rabbitmq: Rabbitmq) -> AsyncIterator[Writer]:
    async with open_writer(writer_settings(addresses, rabbitmq.url)) as writer:
        await writer.consuming()
        yield writer


@pytest.fixture
async def writer(addresses: Addresses, rabbitmq: Rabbitmq) -> AsyncIterator[Writer]:
    async with running_writer(addresses, rabbitmq) as writer:
        yield writer


@pytest.fixture
async def gateway(rabbitmq: Rabbitmq, writer: Writer) -> AsyncIterator[RawGateway]:
    async with raw_gateway(rabbitmq.url) as raw:
        yield raw
        assert await raw.waiting(DEAD_LETTERS_NAME) == 0


async def test_each_command_of_a_batch_gets_its_own_outcome(gateway: RawGateway) -> None:
    first = create(title="milk")

    outcomes = await gateway.call(first, toggle(uuid4(), uuid4()), delete(first.user_id, first.task_id))

    assert [outcome.status for outcome in outcomes] == ["done", "not_found", "done"]
    assert json.loads(outcomes[0].task or "")["title"] == "milk"


async def test_a_redelivered_batch_changes_nothing_and_is_answered_as_before(
    gateway: RawGateway, reader_database: Database
) -> None:
    first = create()
    batch: list[AnyCommand] = [first, toggle(first.user_id, first.task_id), toggle(uuid4(), uuid4())]

    answers = [await gateway.call(*batch) for _ in range(3)]

    assert answers[0] == answers[1] == answers[2]
    assert await titles(reader_database, first.user_id) == [first.title]


async def test_a_command_delivered_past_its_deadline_is_not_run(gateway: RawGateway, reader_database: Database) -> None:
    late = create(expires_in_s=-1)

    outcomes = await gateway.call(late)

    assert [outcome.status for outcome in outcomes] == ["expired"]
    assert await titles(reader_database, late.user_id) == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "malformed: : json_invalid"),
        (b"\xff\xfe", "malformed: : json_invalid"),
        (b"[]", "malformed: : model_type"),
        (b'{"commands": []}', "malformed: commands: too_short"),
        (b'{"commands": [{"type": "explode"}]}', "malformed: commands.0: union_tag_invalid"),
    ],
)
async def test_a_malformed_message_becomes_a_dead_letter_with_its_reason(
    gateway: RawGateway, body: bytes, reason: str
) -> None:
    await gateway.send_bytes(body)

    dead_letter = await gateway.dead_letter()

    assert dead_letter.body == body
    assert dead_letter.headers["x-reason"] == reason
    assert dead_letter.delivery_mode == aio_pika.DeliveryMode.PERSISTENT


async def test_a_command_that_cannot_be_read_is_dead_lettered_alone_and_refused_at_its_place(
    gateway: RawGateway, reader_database: Database
) -> None:
    before, after = create(title="before"), create(title="after")
    unknown = {"type": "rename_task", "title": "of a later release"}
    batch = {"commands": [before.model_dump(mode="json"), unknown, after.model_dump(mode="json")]}

    await gateway.send_bytes(json.dumps(batch).encode())

    _, outcomes = await gateway.reply()
    dead_letter = await gateway.dead_letter()
    assert [outcome.status for outcome in outcomes] == ["done", "refused", "done"]
    assert json.loads(dead_letter.body) == {"commands": [unknown]}
    assert dead_letter.headers["x-reason"] == "malformed: commands.0: union_tag_invalid"
    assert await titles(reader_database, before.user_id) == ["before"]
    assert await titles(reader_database, after.user_id) == ["after"]


async def test_an_unreadable_command_may_have_been_done_when_it_is_redelivered(
    addresses: Addresses, rabbitmq: Rabbitmq
) -> None:
    async with raw_gateway(rabbitmq.url) as gateway:
        async with running_writer(addresses, rabbitmq):
            pass  # the queue exists from now on
        await gateway.send_bytes(b'{"commands": [{"type": "rename_task"}]}')
        await taken_and_lost(rabbitmq)

        async with running_writer(addresses, rabbitmq):
            _, outcomes = await gateway.reply()

        await gateway.dead_letter()
    assert [outcome.status for outcome in outcomes] == ["unknown"]


async def taken_and_lost(rabbitmq: Rabbitmq) -> None:
    """As a task-writer of a later release does that dies over the batch."""
    async with await connect_to(rabbitmq.url) as connection:
        queue = await (await connection.channel()).declare_queue(COMMANDS_NAME, passive=True)
        await queue.get()


async def test_a_malformed_message_blocks_nobody(gateway: RawGateway) -> None:
    await gateway.send_bytes(b"{")

    outcomes = await gateway.call(create())

    assert [outcome.status for outcome in outcomes] == ["done"]
    await gateway.dead_letter()


async def test_a_poisonous_command_becomes_a_dead_letter_and_harms_no_neighbour(
    gateway: RawGateway, reader_database: Database
) -> None:
    first = create()
    await gateway.call(first)
    poison = create(first.user_id, task_id=first.task_id, title="poison")
    before, after = create(title="before"), create(title="after")

    outcomes = await gateway.call(before, poison, after)

    dead_letter = await gateway.dead_letter()
    assert [outcome.status for outcome in outcomes] == ["done", "refused", "done"]
    assert json.loads(dead_letter.body)["commands"][0]["command_id"] == str(poison.command_id)
    assert dead_letter.headers["x-reason"] == "UniqueViolation 23505 tasks_pkey"
    assert await titles(reader_database, after.user_id) == ["after"]


async def test_a_stopping_writer_finishes_and_answers_what_it_holds(
    addresses: Addresses, rabbitmq: Rabbitmq, locks: Locks
) -> None:
    first = create()
    async with running_writer(addresses, rabbitmq) as writer, raw_gateway(rabbitmq.url) as gateway:
        await gateway.call(first)
        async with locks.held(first) as blocker:
            await gateway.send(toggle(first.user_id, first.task_id))
            await locks.awaited()

            stopping = asyncio.create_task(writer.drain())
            await blocker.rollback()
        await stopping

        _, outcomes = await gateway.reply()
    assert [outcome.status for outcome in outcomes] == ["done"]


async def test_what_comes_while_a_writer_stops_is_run_by_another_at_once(
    addresses: Addresses, rabbitmq: Rabbitmq, locks: Locks
) -> None:
    first = create()
    async with running_writer(addresses, rabbitmq) as stopped, raw_gateway(rabbitmq.url) as gateway:
        await gateway.call(first)
        async with locks.held(first) as blocker:
            await gateway.send(toggle(first.user_id, first.task_id))
            await locks.awaited()

            async with running_writer(addresses, rabbitmq):
                stopping = asyncio.create_task(stopped.drain())
                others = [await gateway.call(create()) for _ in range(10)]
                assert not stopping.done()  # it holds the first command still
                await blocker.rollback()
                await stopping

        _, outcomes = await gateway.reply()
    assert {outcome.status for answered in [outcomes, *others] for outcome in answered} == {"done"}


async def test_the_commands_wait_for_a_writer_that_is_not_there_yet(addresses: Addresses, rabbitmq: Rabbitmq) -> None:
    async with raw_gateway(rabbitmq.url) as gateway:
        async with running_writer(addresses, rabbitmq):
            pass  # the queue exists from now on
        await gateway.send(create())

        async with running_writer(addresses, rabbitmq):
            _, outcomes = await gateway.reply()

    assert [outcome.status for outcome in outcomes] == ["done"]

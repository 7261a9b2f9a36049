"""A batch that is redelivered while its first run may still commit: uncertain outcomes are unknown (ADR 13)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aio_pika
import pytest
from common.contracts.commands import AnyCommand, CreateTask
from common.contracts.outcomes import Outcome, OutcomeBatch
from common.postgres.database import Database, open_database
from local_stack.rabbitmq import Rabbitmq
from pydantic import SecretStr
from task_writer.app import open_writer
from task_writer.batches import EXPIRED, KEY_REUSED, STILL_RUNNING, carry_out

from faults.lines import line_to
from tests.commands import create, delete, keyed, toggle
from tests.conftest import Addresses, writer_settings
from tests.integration.effects import is_completed, outcomes, titles
from tests.integration.locks import Locks
from tests.integration.raw_gateway import PATIENCE_S, RawGateway, raw_gateway
from tests.waiting import eventually


@asynccontextmanager
async def another_writer(addresses: Addresses, *, lock_timeout: str = "10s") -> AsyncIterator[Database]:
    """The database as a second task-writer sees it."""
    url = SecretStr(f"{addresses.writer}?options=-c%20lock_timeout%3D{lock_timeout}")
    async with open_database(url, writer_settings(addresses)) as database:
        yield database


@pytest.fixture
async def patient(addresses: Addresses) -> AsyncIterator[Database]:
    async with another_writer(addresses) as database:
        yield database


@pytest.fixture
async def task(writer_database: Database) -> CreateTask:
    """The command that has created a task."""
    command = create()
    await outcomes(writer_database, command)
    return command


async def is_past(command: AnyCommand) -> bool:
    return command.seconds_left() <= 0


async def test_what_the_first_run_commits_late_is_not_called_expired(
    task: CreateTask, locks: Locks, patient: Database, writer_database: Database, reader_database: Database
) -> None:
    async with locks.held(task) as blocker:
        flip = toggle(task.user_id, task.task_id, expires_in_s=1.0)
        first = asyncio.create_task(outcomes(patient, flip))
        await locks.awaited()
        await eventually(lambda: is_past(flip))
        again = asyncio.create_task(outcomes(writer_database, flip, redelivered=True))
        await locks.awaited(by=2)
        await blocker.rollback()

    assert await again == await first
    assert [answer.status for answer in await first] == ["done"]
    assert await is_completed(reader_database, task)


async def test_while_the_first_run_goes_on_the_outcome_is_unknown(
    task: CreateTask, locks: Locks, patient: Database, addresses: Addresses, reader_database: Database
) -> None:
    flip, neighbour = toggle(task.user_id, task.task_id), keyed(create())

    async with locks.held(task), another_writer(addresses, lock_timeout="50ms") as hasty:
        first = asyncio.create_task(outcomes(patient, flip, neighbour))
        await locks.awaited()
        again = await outcomes(hasty, flip, neighbour, redelivered=True)

    assert again == [STILL_RUNNING] * 2
    assert [answer.status for answer in await first] == ["done"] * 2
    assert await is_completed(reader_database, task)
    assert await titles(reader_database, neighbour.user_id) == [neighbour.title]


async def test_a_command_that_a_redelivery_calls_expired_is_not_run_by_the_first_run_later(
    writer_database: Database, patient: Database, reader_database: Database
) -> None:
    late = create(expires_in_s=-0.001)

    again = await outcomes(writer_database, late, redelivered=True)
    first = await outcomes(patient, late)  # it has waited for a connection all the time

    assert again == first == [EXPIRED]
    assert await titles(reader_database, late.user_id) == []


async def test_a_redelivered_command_within_its_deadline_is_run_once_whoever_comes_first(
    writer_database: Database, patient: Database, reader_database: Database
) -> None:
    new = [create() for _ in range(3)]
    flips = [toggle(one.user_id, one.task_id) for one in new]
    await outcomes(writer_database, *new)

    again, first = await asyncio.gather(outcomes(writer_database, *flips, redelivered=True), outcomes(patient, *flips))

    assert again == first
    assert [await is_completed(reader_database, one) for one in new] == [True] * 3


async def test_trouble_of_the_database_leaves_a_redelivered_command_unknown(addresses: Addresses) -> None:
    read_only_url = SecretStr(f"{addresses.writer}?options=-c%20default_transaction_read_only%3Don")

    async with open_database(read_only_url, writer_settings(addresses)) as read_only:
        answers = await outcomes(read_only, create(), create(), redelivered=True)

    assert answers == [STILL_RUNNING] * 2


async def test_redelivered_poison_becomes_a_dead_letter_and_its_outcome_is_unknown(
    task: CreateTask, writer_database: Database
) -> None:
    poison = create(task.user_id, task_id=task.task_id)

    answered = await carry_out(writer_database, [create(), poison, create()], redelivered=True)

    assert [one.outcome.status for one in answered] == ["done", "unknown", "done"]
    assert [one.poison for one in answered] == [None, "UniqueViolation 23505 tasks_pkey", None]


async def test_what_is_recorded_is_certain_on_a_redelivery(writer_database: Database) -> None:
    done = keyed(create(expires_in_s=1.0))
    before = await outcomes(writer_database, done, create())
    await eventually(lambda: is_past(done))

    again = await outcomes(
        writer_database, done, keyed(delete(done.user_id, done.task_id), done.command_id), redelivered=True
    )

    assert [again[0].task, again[0].status, again[1]] == [before[0].task, "done", KEY_REUSED]


@pytest.mark.parametrize("expires_in_s", [10.0, 1.0], ids=["in time", "late"])
async def test_a_second_try_waits_for_the_backend_whose_connection_broke(
    task: CreateTask, locks: Locks, addresses: Addresses, reader_database: Database, expires_in_s: float
) -> None:
    settings = writer_settings(addresses).model_copy(update={"pool_size": 1, "allow_rls_bypass": True})

    port = urlsplit(addresses.writer).port or 0
    async with line_to(port) as line:
        through_the_line = addresses.writer.replace(f":{port}/", f":{line.port}/")
        url = SecretStr(f"{through_the_line}?options=-c%20lock_timeout%3D10s")
        async with open_database(url, settings) as database, locks.held(task) as blocker:
            flip = toggle(task.user_id, task.task_id, expires_in_s=expires_in_s)
            running = asyncio.create_task(outcomes(database, flip))
            await locks.awaited()
            line.cut()  # the backend waits for its lock, and hears nothing of it
            await locks.awaited(by=2)
            if expires_in_s < 10:
                await eventually(lambda: is_past(flip))
            await blocker.rollback()
            answers = await running

    assert [answer.status for answer in answers] == ["done"]
    assert await is_completed(reader_database, task)


async def test_a_batch_that_is_redelivered_after_a_lost_connection_has_one_effect_and_no_false_answer(
    task: CreateTask, locks: Locks, addresses: Addresses, rabbitmq: Rabbitmq, reader_database: Database
) -> None:
    """The write's deadline is 10 s away, and only the connections between task-writer and RabbitMQ break."""
    flip = toggle(task.user_id, task.task_id, expires_in_s=10)
    patient_url = SecretStr(f"{addresses.writer}?options=-c%20lock_timeout%3D10s")

    async with line_to(urlsplit(rabbitmq.url).port or 0) as line, raw_gateway(rabbitmq.url) as gateway:
        broken_url = rabbitmq.url.replace(f":{urlsplit(rabbitmq.url).port}", f":{line.port}")
        settings = writer_settings(addresses, broken_url).model_copy(update={"writer_database_url": patient_url})
        async with open_writer(settings) as writer:
            await writer.consuming()
            async with locks.held(task) as blocker:
                await gateway.send(flip)
                await locks.awaited()
                line.cut()
                await locks.awaited(by=2)  # it was redelivered
                await blocker.rollback()
            await writer.drain()
        answers = await heard(gateway)  # a reply is lost where its connection is not back yet

    assert {answer.status for answer in answers} <= {"done", "unknown"}
    assert await is_completed(reader_database, task)


async def heard(gateway: RawGateway) -> Sequence[Outcome]:
    """The outcomes that the gateway has got by now: what comes behind a message of its own has not been sent."""
    await gateway.channel.default_exchange.publish(aio_pika.Message(b""), gateway.replies.name)
    outcomes = list[Outcome]()
    async with asyncio.timeout(PATIENCE_S):
        while body := (await gateway.heard.get()).body:
            outcomes += OutcomeBatch.model_validate_json(body).outcomes
    return outcomes

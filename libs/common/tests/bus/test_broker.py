"""Waiting for RabbitMQ, and giving up waiting."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from common.bus.broker import make_broker, start_broker
from common.settings import BusSettings
from faststream.rabbit import RabbitBroker
from pydantic import SecretStr

from tests.ports import closed_port
from tests.waiting import eventually

LIMIT_S = 5.0


def broker_at(port: int) -> RabbitBroker:
    return make_broker(BusSettings(rabbitmq_url=SecretStr(f"amqp://guest:s3cret@127.0.0.1:{port}/")), "test")


@pytest.fixture
async def silent() -> AsyncIterator[tuple[int, asyncio.Event]]:
    """A server that takes connections and never says a word: its port, and whether anybody has come."""
    called = asyncio.Event()

    async def listen(requests: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        called.set()
        await requests.read()
        answers.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], called


async def logged(caplog: pytest.LogCaptureFixture, words: str) -> None:
    """Returns once the words are in the log."""

    async def are_there() -> bool:
        return words in caplog.text

    await eventually(are_there, within_s=LIMIT_S)


async def test_stopping_while_rabbitmq_does_not_answer_leaves_nothing_running(
    silent: tuple[int, asyncio.Event],
) -> None:
    port, called = silent
    before = asyncio.all_tasks()
    starting = asyncio.create_task(start_broker(broker_at(port)))
    await asyncio.wait_for(called.wait(), LIMIT_S)
    during = asyncio.all_tasks() - before

    starting.cancel()
    await asyncio.wait(during, timeout=LIMIT_S)

    assert {task for task in during if not task.done()} == set()


async def test_stopping_between_two_attempts_leaves_nothing_running(caplog: pytest.LogCaptureFixture) -> None:
    before = asyncio.all_tasks()
    with closed_port() as nobody:
        starting = asyncio.create_task(start_broker(broker_at(nobody)))
        await logged(caplog, "Reconnecting")
        during = asyncio.all_tasks() - before

        starting.cancel()
        await asyncio.wait(during, timeout=LIMIT_S)

    assert {task for task in during if not task.done()} == set()


async def test_waiting_for_rabbitmq_is_said_without_the_password(caplog: pytest.LogCaptureFixture) -> None:
    with closed_port() as nobody:
        starting = asyncio.create_task(start_broker(broker_at(nobody)))
        await logged(caplog, "waiting for RabbitMQ")
        starting.cancel()
        await asyncio.wait([starting])

    assert "s3cret" not in caplog.text

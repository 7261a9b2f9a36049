"""The parts of FastStream beyond its public API that the task-writer uses. Fails when a release renames one."""

from collections.abc import AsyncIterator

import pytest
from common.bus.broker import Connection
from common.bus.topology import COMMANDS
from faststream.rabbit.subscriber.usecase import RabbitSubscriber
from task_writer.consumer.consuming import _Broker
from yarl import URL


@pytest.fixture
async def connection() -> AsyncIterator[Connection]:
    """One that was never opened."""
    async with Connection(URL("amqp://nobody.invalid")) as unopened:
        yield unopened


async def test_faststream_works_on_the_connection_that_it_is_given(connection: Connection) -> None:
    used: object = await _Broker(connection).connect()

    assert used is connection


async def test_a_subscriber_can_be_marked_as_running(connection: Connection) -> None:
    subscriber = _Broker(connection).subscriber(COMMANDS)

    assert isinstance(subscriber, RabbitSubscriber)
    assert subscriber.running is False
    subscriber.running = True

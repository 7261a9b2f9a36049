"""The part of FastStream beyond its public API that the task-writer uses. Fails when a release renames it."""

from collections.abc import AsyncIterator

import pytest
from common.bus.broker import Connection
from task_writer.consumer.consuming import _Broker
from yarl import URL


@pytest.fixture
async def connection() -> AsyncIterator[Connection]:
    """One that was never opened."""
    async with Connection(URL("amqp://nobody.invalid")) as unopened:
        yield unopened


async def test_faststream_works_on_the_connection_that_it_is_given(connection: Connection) -> None:
    used: object = await _Broker(connection, prefetch=1).connect()

    assert used is connection

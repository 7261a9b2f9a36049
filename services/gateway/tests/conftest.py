"""One gateway for all tests that need no special settings."""

from collections.abc import AsyncIterator

import pytest

from tests.serving import Served

from .in_process import lonely_gateway


@pytest.fixture(scope="session")
async def gateway() -> AsyncIterator[Served]:
    """The whole gateway, without a task-reader and without RabbitMQ."""
    async with lonely_gateway() as served:
        yield served

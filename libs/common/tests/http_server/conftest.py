"""A server of its own for each test, with the limits that it chooses."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from common.http_server.protocol import HttpLimits

from .place import Open, Place


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    async with AsyncExitStack() as places:

        async def open_place(limits: HttpLimits) -> Place:
            return await places.enter_async_context(Place().open(limits))

        yield open_place

"""A system whose parts the tests of this folder stop, kill and start again."""

from collections.abc import AsyncIterator

import httpx
import pytest
from local_stack.stack import Stack, running_stack

from tests.conftest import stack_settings
from tests.users import new_user


@pytest.fixture(scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with running_stack(stack_settings(tmp_path_factory.mktemp("faults"))) as running:
        yield running


@pytest.fixture
async def user(system: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a user who has no tasks yet; its paths are below `/api/{user_id}/tasks`."""
    async with new_user(system.addresses.gateway_url, timeout_s=15) as client:
        yield client

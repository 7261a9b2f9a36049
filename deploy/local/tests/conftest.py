"""A state directory of its own for every test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from local_stack.state import State, open_state


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[State]:
    async with open_state(tmp_path / "stack") as opened:
        yield opened

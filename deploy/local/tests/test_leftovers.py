import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from local_stack.leftovers import MARK, end_leftovers, marked_processes
from local_stack.waiting import until


@pytest.fixture
async def sleeper(tmp_path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that a stack in `tmp_path` left behind."""
    process = await asyncio.create_subprocess_exec("/bin/sleep", "60", env={MARK: str(tmp_path)})

    async def is_seen() -> bool:  # the system shows a new environment a moment late
        return marked_processes(tmp_path) == [process.pid]

    await until(is_seen, within_s=5)
    yield process
    if process.returncode is None:
        process.kill()
    await process.wait()


async def test_what_a_killed_stack_left_running_is_ended(tmp_path: Path, sleeper: asyncio.subprocess.Process) -> None:
    await end_leftovers(tmp_path)

    async with asyncio.timeout(5):
        assert await sleeper.wait() == -9


async def test_processes_of_other_stacks_are_left_alone(tmp_path: Path, sleeper: asyncio.subprocess.Process) -> None:
    await end_leftovers(tmp_path / "other")
    await end_leftovers(tmp_path.parent)

    assert sleeper.returncode is None
    assert marked_processes(tmp_path) == [sleeper.pid]


async def test_a_process_never_takes_itself_for_a_leftover(tmp_path: Path) -> None:
    question = f"from local_stack.leftovers import *; assert marked_processes(Path({str(tmp_path)!r})) == []"

    asked = await asyncio.create_subprocess_exec(sys.executable, "-c", question, env={MARK: str(tmp_path)})

    async with asyncio.timeout(20):
        assert await asked.wait() == 0

"""Programs of an image as processes of this machine: they take signals, see the state directory, and leave nothing."""

import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from local_stack.image_files import STATE_INSIDE, ImageFiles, image_files
from local_stack.state import State, open_state
from local_stack.supervision import Process, Program, silent

from tests.waiting import eventually

from .engine import needs_engine, run

pytestmark = [needs_engine, pytest.mark.skipif(os.geteuid() != 0, reason="only root can change its root")]

BASE = "debian:bookworm-slim"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "taskwire"


@pytest.fixture
def image() -> Iterator[str]:
    """An image of our own, which can be given another content."""
    name = f"taskwire-files:{uuid4().hex[:8]}"
    build(name, "first")
    yield name
    run("docker", "rmi", "--force", name)


def build(name: str, content: str) -> None:
    dockerfile = f"FROM {BASE}\nENV PATH=/usr/bin:/bin\nRUN echo {content} >/content\n"
    done = subprocess.run(
        ["docker", "build", "--quiet", "--tag", name, "-"],
        input=dockerfile,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[State]:
    async with open_state(tmp_path / "state") as opened:
        yield opened


async def unpacked(image: str) -> ImageFiles:
    files = await image_files(image, silent)
    assert files is not None
    return files


def started(files: ImageFiles, state: State, script: str) -> Process:
    arguments = (*files.launcher(state.path), "/bin/sh", "-c", script)
    return Process(Program(name="part", arguments=arguments, environment={"PATH": files.path}), state)


async def test_a_program_of_an_image_is_a_process_of_ours(image: str, state: State) -> None:
    process = started(await unpacked(image), state, "cat /content; echo $PWD; pwd >seen; exec sleep 60")

    await process.start()
    try:
        log = state.log_file("part")
        await eventually(lambda: holds(log, f"first\n{STATE_INSIDE}\n"))
        assert process.pid is not None
        await eventually(lambda: runs(process, "sleep"))
        process.send_signal(signal.SIGSTOP)
        await eventually(lambda: is_in_state(process, "T"))
        process.send_signal(signal.SIGKILL)
        await eventually(lambda: died(process))
    finally:
        await process.stop()

    assert text_of(state.path / "seen") == f"{STATE_INSIDE}\n"
    assert str(state.path) not in text_of(Path("/proc/self/mountinfo"))


async def holds(log: Path, text: str) -> bool:
    return text_of(log) == text


async def runs(process: Process, command: str) -> bool:
    return text_of(Path(f"/proc/{process.pid}/comm")) == f"{command}\n"


async def is_in_state(process: Process, letter: str) -> bool:
    return text_of(Path(f"/proc/{process.pid}/stat")).rpartition(") ")[2].startswith(letter)


def text_of(file: Path) -> str:
    return file.read_text() if file.exists() else ""


async def died(process: Process) -> bool:
    return process.deaths == 1


async def test_an_image_is_unpacked_once_and_found_without_its_engine(
    image: str,
) -> None:
    reports: list[str] = []
    first = await image_files(image, reports.append)
    second = await image_files(image, reports.append)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
        third = await image_files(image, reports.append)

    assert first is not None
    assert second is not None
    assert third is not None
    assert first.root == second.root == third.root
    assert [line.split()[0] for line in reports] == ["unpacking"]


async def test_what_a_newer_image_replaces_goes_unless_it_is_in_use(image: str, cache: Path) -> None:
    old = await unpacked(image)
    build(image, "second")

    newer = await unpacked(image)
    kept_in_use = old.root.exists()
    os.close(old.in_use)
    await unpacked(image)

    assert kept_in_use
    assert not old.root.exists()
    assert (newer.root / "content").read_text() == "second\n"
    assert unpacked_in(cache) == [newer.root.parent]


def unpacked_in(cache: Path) -> list[Path]:
    return list(cache.glob("*/*/"))


async def test_without_an_engine_and_without_a_cache_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")

    assert await image_files("taskwire-files:none", silent) is None

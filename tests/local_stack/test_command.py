"""`python -m local_stack`, as `make run` starts it, with servers of its own."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from local_stack.leftovers import marked_processes
from local_stack.ports import pick_port
from local_stack.services import reads_through, writes_through
from local_stack.stack import Stack
from local_stack.waiting import until

from faults.cluster.variables import free_range

NOT_PASSED_ON = {"DATABASE_URL", "RABBITMQ_URL"}
PARTS = ("postgres", "rabbitmq", "gateway", "task-reader", "task-writer")
READY_WITHIN_S = 60.0
STOPPED_WITHIN_S = 30.0


@asynccontextmanager
async def command(stack_dir: Path, gateway_port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """The command, started; its standard output and error are one stream."""
    environment = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "local_stack",
        env={
            **environment,
            "STACK_DIR": str(stack_dir),
            "GATEWAY_PORT": str(gateway_port),
            "ADMIN_PORT": str(gateway_port + 1),  # the same at the next start, as everywhere else
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def lines_until(process: asyncio.subprocess.Process, text: str) -> list[str]:
    """What the command prints, up to and including the line with this text."""
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(READY_WITHIN_S):
        while not (lines and text in lines[-1]):
            line = await process.stdout.readline()
            assert line, f"ended without {text!r}: {lines}"
            lines.append(line.decode())
    return lines


async def end_of(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    """The exit status and all that was printed until then."""
    async with asyncio.timeout(STOPPED_WITHIN_S):
        output, _ = await process.communicate()
    return process.returncode, output.decode()


async def test_it_starts_shows_each_part_and_ends_with_status_0_on_sigterm(tmp_path: Path) -> None:
    port = pick_port()
    async with command(tmp_path, port) as process:
        shown = "".join(await lines_until(process, "Ctrl-C stops it"))
        gateway = f"http://127.0.0.1:{port}"
        works = await reads_through(gateway) and await writes_through(gateway)
        pid_files = {part for part in PARTS if (tmp_path / f"{part}.pid").exists()}

        process.terminate()
        status, _ = await end_of(process)

    assert all(part in shown for part in PARTS)
    assert all(f"{gateway}{path}" in shown for path in ("/\n", "/docs\n", "/api/<user id>/tasks\n"))
    assert works
    assert pid_files == set(PARTS)
    assert status == 0
    assert marked_processes(tmp_path) == []
    assert "DATABASE_URL" in (tmp_path / "env").read_text()


async def test_nothing_outlives_a_killed_stack_and_its_data_are_there_at_the_next_start(tmp_path: Path) -> None:
    port = free_range(4)[0]  # three for operators follow: one that is taken now may be free at the next start
    async with command(tmp_path, port) as first:
        await lines_until(first, "Ctrl-C stops it")
        first.kill()
        await first.wait()

        async def nothing_left() -> bool:
            return marked_processes(tmp_path) == []

        await until(nothing_left, within_s=10)
    before = (tmp_path / "env").read_text()

    async with command(tmp_path, port) as second:
        await lines_until(second, "Ctrl-C stops it")
        second.send_signal(signal.SIGINT)
        status, _ = await end_of(second)

    assert status == 0
    assert (tmp_path / "env").read_text() == before


async def test_it_can_be_interrupted_while_it_starts(tmp_path: Path) -> None:
    async with command(tmp_path, pick_port()) as process:
        await lines_until(process, "postgres")

        process.send_signal(signal.SIGINT)
        status, _ = await end_of(process)

    assert status == 0
    assert marked_processes(tmp_path) == []


async def test_a_taken_port_is_reported_with_the_variable_that_changes_it(stack: Stack, tmp_path: Path) -> None:
    taken = int(stack.addresses.gateway_url.rpartition(":")[2])
    async with command(tmp_path, taken) as process:
        status, output = await end_of(process)

    assert status == 1
    assert f"port {taken} on 127.0.0.1 is taken: set GATEWAY_PORT" in output


async def test_a_second_one_in_the_same_directory_is_refused(stack: Stack) -> None:
    async with command(stack.state.path, pick_port()) as process:
        status, output = await end_of(process)

    assert status == 1
    assert f"already runs in {stack.state.path}" in output
    assert await reads_through(stack.addresses.gateway_url)

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psutil
import pytest
from local_stack.errors import PartFailed
from local_stack.state import State
from local_stack.supervision import Process, Program, describe_status
from local_stack.waiting import Probe, until

SLEEP = "exec sleep 60"


@asynccontextmanager
async def running(state: State, script: str, *, stop_within_s: float = 10.0) -> AsyncIterator[Process]:
    """A supervised shell script, started."""
    program = Program("part", ("/bin/sh", "-c", script), {"PATH": "/usr/bin:/bin"}, stop_within_s=stop_within_s)
    process = Process(program, state)
    await process.start()
    try:
        yield process
    finally:
        await process.stop()


def fulfilled(condition: Callable[[], bool]) -> Probe:
    """The condition as a probe."""

    async def probe() -> bool:
        return condition()

    return probe


def log_of(state: State) -> str:
    return state.log_file("part").read_text()


async def test_the_pid_file_names_the_program_itself(state: State) -> None:
    async with running(state, SLEEP) as process:
        pid = int(state.pid_file("part").read_text())

        assert pid == process.pid
        await until(fulfilled(lambda: _command(pid) == "sleep"), within_s=5)

    assert not state.pid_file("part").exists()


async def test_a_program_that_dies_is_started_again_within_two_seconds(state: State) -> None:
    async with running(state, SLEEP) as process:
        killed = process.pid

        process.send_signal(signal.SIGKILL)

        await until(fulfilled(lambda: process.pid not in {None, killed}), within_s=2)
        assert process.deaths == 1


async def test_a_program_that_keeps_dying_is_given_up_with_the_end_of_its_log(state: State) -> None:
    async with running(state, "echo no such luck; exit 7") as process:
        with pytest.raises(PartFailed, match=r"(?s)part died 5 times.*part\.log.*no such luck"):
            await process.wait_ready(fulfilled(lambda: False), within_s=20)


async def test_a_program_that_says_that_a_start_is_no_use_is_given_up_at_once(state: State) -> None:
    program = Program("part", ("/bin/sh", "-c", "echo PORT is missing; exit 2"), {}, final_status=2)
    process = Process(program, state)
    await process.start()
    try:
        with pytest.raises(PartFailed, match=r"(?s)part ended with exit status 2.*part\.log.*PORT is missing"):
            await process.wait_ready(fulfilled(lambda: False), within_s=20)
        assert process.deaths < 5
    finally:
        await process.stop()


async def test_a_program_that_is_never_ready_is_reported_after_the_limit(state: State) -> None:
    async with running(state, SLEEP) as process:
        with pytest.raises(PartFailed, match="was not ready within 0 s"):
            await process.wait_ready(fulfilled(lambda: False), within_s=0.2)


async def test_deaths_are_reported_with_their_cause(state: State) -> None:
    reports: list[str] = []
    process = Process(Program("part", ("/bin/sh", "-c", "exit 3"), {}), state, reports.append)

    await process.start()
    await until(fulfilled(lambda: bool(reports)), within_s=5)
    await process.stop()

    assert reports[0] == "part died (exit status 3), starting it again"


async def test_a_program_that_ignores_its_stop_signal_is_killed(state: State) -> None:
    script = "trap '' TERM; echo ignoring; while :; do sleep 60; done"
    async with running(state, script, stop_within_s=0.2) as process:
        await until(fulfilled(lambda: "ignoring" in log_of(state)), within_s=5)
        pid = process.pid

    assert pid is not None
    assert _command(pid) is None


async def test_what_a_program_started_ends_with_it(state: State) -> None:
    async with running(state, "sleep 60 & echo $!; wait") as process:
        await until(fulfilled(lambda: bool(log_of(state))), within_s=5)
        child = int(log_of(state))

        process.send_signal(signal.SIGKILL)

        await until(fulfilled(lambda: _command(child) is None), within_s=5)


async def test_a_stopped_program_stays_down_until_it_is_started(state: State) -> None:
    async with running(state, SLEEP) as process:
        await process.stop()
        stopped_file_is_gone = not state.pid_file("part").exists()

        await process.start()

        assert stopped_file_is_gone
        assert state.pid_file("part").read_text() == f"{process.pid}\n"


async def test_a_program_has_a_session_of_its_own(state: State) -> None:
    async with running(state, SLEEP) as process:
        assert process.pid is not None
        assert os.getsid(process.pid) == process.pid != os.getsid(0)


async def test_the_log_of_the_start_before_is_kept(state: State) -> None:
    for word in ("first", "second"):
        async with running(state, f"echo {word}; {SLEEP}"):
            await until(fulfilled(lambda: log_of(state).endswith("\n")), within_s=5)

    assert log_of(state) == "second\n"
    assert (state.path / "part.log.1").read_text() == "first\n"


@pytest.mark.parametrize(
    ("status", "text"), [(0, "exit status 0"), (3, "exit status 3"), (-9, "signal SIGKILL"), (-99, "signal 99")]
)
def test_exit_statuses_are_described(status: int, text: str) -> None:
    assert describe_status(status) == text


def _command(pid: int) -> str | None:
    """The program that this process runs; None for one that is gone, is a zombie or becomes a program now."""
    try:
        return next(iter(psutil.Process(pid).cmdline()), None)
    except psutil.NoSuchProcess:
        return None

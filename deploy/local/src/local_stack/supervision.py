"""Supervises one process of the stack: starts it, restarts it when it dies, stops it."""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from local_stack.errors import PartFailed
from local_stack.leftovers import MARK
from local_stack.settings import find_program
from local_stack.state import State
from local_stack.waiting import Probe, until

type Report = Callable[[str], None]

_FIRST_DELAY_S = 0.1
_LONGEST_DELAY_S = 2.0
_STEADY_AFTER_S = 10.0  # a process that lived this long restarts after the first delay again
_DEATHS_BEFORE_GIVING_UP = 5  # while it is being waited for; later on a part is started again for ever
_LOG_TAIL_LINES = 15


def silent(_line: str) -> None:
    """A Report that shows nothing."""


@dataclass(frozen=True)
class Program:
    """The program of a process. It gets `environment` and nothing else of this process's own."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    launcher: tuple[str, ...] = ()  # what runs the program as another user, keeping its pid
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within_s: float = 15.0
    before_each_start: Callable[[], None] | None = None
    final_status: int | None = None  # with which it says that another start would end like this one


class Process:
    """Keeps one program running from `start` to `stop`, with its pid in `<name>.pid` and its output in `<name>.log`.

    Belongs to the event loop that started it: a death is noticed, and answered, only while that loop runs. Linux ends
    the program when the thread that started it ends, so a killed stack leaves none of them behind.
    """

    def __init__(self, program: Program, state: State, report: Report = silent) -> None:
        self.program = program
        self.deaths = 0
        self.is_hopeless = False  # it has ended with its final status the last time
        self._state = state
        self._report = report
        self._child: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def pid(self) -> int | None:
        """The pid of the running program; None while it does not run."""
        return self._child.pid if self._child and self._child.returncode is None else None

    async def start(self) -> None:
        """Returns once the process exists, which does not mean that it is ready. Does nothing when it was started."""
        if self._watch is not None:
            return
        self._stopping.clear()
        self.deaths, self.is_hopeless = 0, False
        _rotate(self._state.log_file(self.name))
        child = await self._spawn()
        self._watch = asyncio.create_task(self._keep_running(child), name=f"watch {self.name}")

    async def wait_ready(self, probe: Probe, *, within_s: float) -> None:
        """Returns once the probe answers True; PartFailed after `within_s`, or when it keeps dying or has no hope."""

        deaths_before = self.deaths

        async def ready_or_hopeless() -> bool:
            return self.is_hopeless or self.deaths - deaths_before >= _DEATHS_BEFORE_GIVING_UP or await probe()

        try:
            await until(ready_or_hopeless, within_s=within_s)
        except TimeoutError:
            raise self.failed(f"was not ready within {within_s:.0f} s") from None
        if self.is_hopeless:
            raise self.failed(f"ended with {describe_status(self.program.final_status or 0)}")
        if self.deaths - deaths_before >= _DEATHS_BEFORE_GIVING_UP:
            raise self.failed(f"died {self.deaths - deaths_before} times while it started")

    def send_signal(self, signum: signal.Signals) -> None:
        """Sends a signal to the program itself, when it runs; after SIGKILL it is started again."""
        if self._child is not None and self._child.returncode is None:
            self._child.send_signal(signum)

    async def stop(self) -> None:
        """Ends the program: its stop signal, then SIGKILL to its group after `stop_within_s`. It may start again."""
        if self._watch is None:
            return
        self._stopping.set()
        self.send_signal(self.program.stop_signal)
        done, _ = await asyncio.wait({self._watch}, timeout=self.program.stop_within_s)
        if not done:
            self.kill_group()
        await self._watch
        self._watch = None

    def kill_group(self) -> None:
        """SIGKILL to the program and all that it started in its own process group, at once."""
        self._stopping.set()
        if self._child is not None:
            _kill_group(self._child.pid)

    def failed(self, what: str) -> PartFailed:
        """An error about this part, with the end of its log and what to do next."""
        log = self._state.log_file(self.name)
        lines = log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:] if log.exists() else []
        tail = "\n".join(f"    {line}" for line in lines) or "    (nothing)"
        return PartFailed(f"{self.name} {what}. The end of {log}:\n{tail}\nMend that, then start again.")

    async def _keep_running(self, child: asyncio.subprocess.Process) -> None:
        delay_s = _FIRST_DELAY_S
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            status = await child.wait()
            _kill_group(child.pid)  # what it started must not outlive it, or hold its port
            self._state.pid_file(self.name).unlink(missing_ok=True)
            if self._stopping.is_set():
                return
            self.deaths += 1
            self.is_hopeless = status == self.program.final_status
            delay_s = _FIRST_DELAY_S if clock() - began > _STEADY_AFTER_S else delay_s
            self._report(f"{self.name} died ({describe_status(status)}), starting it again")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay_s)
                return
            delay_s = min(delay_s * 2, _LONGEST_DELAY_S)
            child = await self._spawn()
            if self._stopping.is_set():
                self.send_signal(self.program.stop_signal)

    async def _spawn(self) -> asyncio.subprocess.Process:
        if self.program.before_each_start is not None:
            self.program.before_each_start()
        environment = {**self.program.environment, MARK: str(self._state.path)}
        with self._state.log_file(self.name).open("ab") as log:
            self._child = await asyncio.create_subprocess_exec(
                *_dying_with_us(self.program.launcher),
                *self.program.arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._state.path,
                env=environment,
                start_new_session=True,  # a Ctrl-C on the terminal is for the stack alone
            )
        self._state.pid_file(self.name).write_text(f"{self._child.pid}\n")
        return self._child


def describe_status(status: int) -> str:
    """An exit status in words: `exit status 3`, or `signal SIGKILL` for a negative one."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"


def _dying_with_us(launcher: tuple[str, ...]) -> tuple[str, ...]:
    """The launcher with setpriv's --pdeathsig, so that the program dies with the stack; not without setpriv."""
    if launcher:
        return (*launcher, "--pdeathsig=KILL", "--")
    setpriv = find_program("setpriv")
    return (str(setpriv), "--pdeathsig=KILL", "--") if setpriv else ()


def _kill_group(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _rotate(log: Path) -> None:
    """Keeps the previous start's log as `<name>.log.1`."""
    if log.exists():
        log.replace(log.with_name(f"{log.name}.1"))

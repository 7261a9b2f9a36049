"""Counts the instructions of a running process with valgrind's callgrind."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from local_stack.commands import run_to_end
from local_stack.errors import StackError
from local_stack.settings import find_program
from local_stack.supervision import Process

CONTROL_WITHIN_S = 60.0
TOTALS = re.compile(r"^totals: (\d+)$", re.MULTILINE)


def require_callgrind() -> None:
    """StackError where valgrind is missing."""
    if find_program("valgrind") is None or find_program("callgrind_control") is None:
        raise StackError("this measurement needs valgrind: install it, as Debian's package valgrind or otherwise")


async def restart_counted(process: Process, directory: Path) -> "Counter":
    """Starts the process anew under callgrind, which counts nothing yet. It needs half a minute to be ready."""
    out = directory / f"callgrind.{process.name}"
    options = ("--quiet", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}")
    await process.stop()
    # The same hashes, and so the same collisions in dictionaries, in every run.
    environment = {**process.program.environment, "PYTHONHASHSEED": "0"}
    arguments = (str(find_program("valgrind")), *options, *process.program.arguments)
    process.program = replace(process.program, arguments=arguments, environment=environment, stop_within_s=60.0)
    await process.start()
    return Counter(process, out)


class Counter:
    """The instructions of one process in user space, its threads included; the kernel's are not counted."""

    def __init__(self, process: Process, out: Path) -> None:
        self._process = process
        self._out = out

    async def begin(self) -> None:
        """Counts from now on. The process is many times slower from then."""
        await self._control("--instr=on")

    async def reset(self) -> None:
        """Back to 0."""
        await self._control("--zero")

    async def read(self) -> int:
        """How many there were since the last reset or reading, which sets it back to 0."""
        for old in self._dumps():
            old.unlink()
        await self._control("--dump")
        totals = [int(total) for dump in self._dumps() for total in TOTALS.findall(dump.read_text())]
        if not totals:
            raise StackError(f"callgrind has not written what it counted in {self._process.name}")
        return sum(totals)

    def _dumps(self) -> Sequence[Path]:
        return list(self._out.parent.glob(f"{self._out.name}.*"))

    async def _control(self, *arguments: str) -> None:
        command = (str(find_program("callgrind_control")), *arguments, str(self._process.pid))
        # Its own environment: user and host in it are part of the name of the pipe through which it is reached.
        environment = self._process.program.environment
        await run_to_end(command, environment=environment, directory=self._out.parent, within_s=CONTROL_WITHIN_S)

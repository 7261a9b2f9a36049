"""Ends the processes that a killed stack left behind."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil

from local_stack.waiting import until

MARK = "TASKWIRE_STACK"  # set to the state directory in the environment of every process that is started here
_GONE_WITHIN_S = 10.0


async def end_leftovers(directory: Path) -> None:
    """Kills every process that was started for this state directory, and waits until none is left.

    A process shows that it is one by the mark in its environment, so no other one can be meant, even where a pid file
    names a number that the system has given away again. TimeoutError after 10 s.
    """

    async def none_left() -> bool:
        found = marked_processes(directory)
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not found

    await until(none_left, within_s=_GONE_WITHIN_S)


def marked_processes(directory: Path) -> list[int]:
    """The pids of the processes, other than this one, that carry the mark of this state directory.

    Other users' processes are left out, because their environments cannot be read.
    """
    others = (process for process in psutil.process_iter(["environ"]) if process.pid != os.getpid())
    return [process.pid for process in others if (process.info["environ"] or {}).get(MARK) == str(directory)]

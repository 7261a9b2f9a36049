"""Kills a part of a stack, and finds its processes."""

import signal

from local_stack.supervision import Process
from local_stack.waiting import until

STARTED_AGAIN_WITHIN_S = 2.0


async def kill(process: Process) -> None:
    """SIGKILL; returns once the process was started again, which it must be within two seconds."""
    deaths = process.deaths

    async def started_again() -> bool:
        return process.deaths > deaths and process.pid is not None

    process.send_signal(signal.SIGKILL)
    await until(started_again, within_s=STARTED_AGAIN_WITHIN_S, every_s=0.01)

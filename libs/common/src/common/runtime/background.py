"""Supervises background tasks that run as long as the service, so that none of them dies unnoticed.

A failure is logged and counted, and the task is restarted after a growing pause. A task that must end the process
raises SystemExit with a message: the event loop stops, and the process ends with that message and status 1.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

from prometheus_client import Counter

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STOP_TIMEOUT_S = 2.0

FAILURES = Counter("taskwire_background_failures", "Failures of background tasks, each followed by a restart", ["task"])

type Work = Callable[[], Awaitable[object]]
"""Runs for ever, or returns when it is done."""


@asynccontextmanager
async def running(name: str, work: Work, *, first_pause_s: float = FIRST_PAUSE_S) -> AsyncIterator[None]:
    """Keeps `work` running inside the context; on exit cancels it and allows STOP_TIMEOUT_S for clean-up."""
    FAILURES.labels(name)  # at 0: Prometheus sees no increase when a series starts at 1
    task = asyncio.create_task(_keep_going(name, work, first_pause_s), name=name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=STOP_TIMEOUT_S)


async def _keep_going(name: str, work: Work, first_pause_s: float) -> None:
    clock = asyncio.get_running_loop().time
    pauses = backoff(first_pause_s)
    while True:
        began = clock()
        try:
            await work()
        except Exception:
            if clock() - began > LONGEST_PAUSE_S:  # it worked for a while
                pauses = backoff(first_pause_s)
            pause_s = next(pauses)
            FAILURES.labels(name).inc()
            log.exception("background task failed: %s; restarting in %.1f s", name, pause_s)
            await asyncio.sleep(pause_s)
        else:
            return


def backoff(first_s: float = FIRST_PAUSE_S, longest_s: float = LONGEST_PAUSE_S) -> Iterator[float]:
    """Exponential backoff with jitter, without end: each pause up to twice the one before, `longest_s` at most."""
    while True:
        yield first_s * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
        first_s = min(2 * first_s, longest_s)

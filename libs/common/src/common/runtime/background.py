"""Work that goes on for as long as a service runs: the one place that starts it, so that none of it dies unseen.

What fails is logged, counted and started again after a growing pause. Work that must end the process raises SystemExit,
with the message as its code: the event loop stops, and the process ends with that message and status 1.
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

FAILURES = Counter("taskwire_background_failures", "Times that background work failed, and was started again", ["task"])

type Work = Callable[[], Awaitable[object]]
"""Goes on for ever, or returns when it is done."""


@asynccontextmanager
async def running(name: str, work: Work, *, first_pause_s: float = FIRST_PAUSE_S) -> AsyncIterator[None]:
    """Keeps `work` going meanwhile, and cancels it at the end; it has STOP_TIMEOUT_S to clean up."""
    FAILURES.labels(name)  # at 0: Prometheus sees no increase from nothing to 1
    task = asyncio.create_task(_keep_going(name, work, first_pause_s), name=name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=STOP_TIMEOUT_S)


async def _keep_going(name: str, work: Work, first_pause_s: float) -> None:
    clock = asyncio.get_running_loop().time
    pauses = growing_pauses(first_pause_s)
    while True:
        began = clock()
        try:
            await work()
        except Exception:
            if clock() - began > LONGEST_PAUSE_S:  # it had worked in between
                pauses = growing_pauses(first_pause_s)
            pause_s = next(pauses)
            FAILURES.labels(name).inc()
            log.exception("background work failed: %s; it is started again in %.1f s", name, pause_s)
            await asyncio.sleep(pause_s)
        else:
            return


def growing_pauses(first_s: float = FIRST_PAUSE_S, longest_s: float = LONGEST_PAUSE_S) -> Iterator[float]:
    """Without end: each up to twice as long as the one before, `longest_s` at most. They differ from process to
    process, so that not all try again at one moment.
    """
    while True:
        yield first_s * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
        first_s = min(2 * first_s, longest_s)

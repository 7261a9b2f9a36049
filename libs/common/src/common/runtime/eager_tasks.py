"""Tasks that begin at once."""

import asyncio
from collections.abc import Coroutine
from typing import Any


def start[Result](work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
    """A task that has already run until its first pause. Another begins in the event loop's next turn only, behind
    everything that this one has brought: under load that is a millisecond, which a batch would lose several times.
    """
    return asyncio.Task(work, loop=asyncio.get_running_loop(), eager_start=True)

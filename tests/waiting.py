"""Waiting for a condition, with a limit: the only pauses that tests make."""

import asyncio
from collections.abc import Awaitable, Callable

PAUSE_S = 0.02
LIMIT_S = 60.0
"""For what is promised, but not how soon: a busy machine may take half a minute to start a process."""


async def eventually(condition: Callable[[], Awaitable[bool]], *, within_s: float = LIMIT_S) -> None:
    """Returns once the condition holds; TimeoutError when it does not within the limit. Whoever promises how soon that
    is gives `within_s`."""
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110 - other processes fulfil it, not tasks of this one
            await asyncio.sleep(PAUSE_S)


async def turns(count: int = 1) -> None:
    """Lets the event loop take so many turns: all that is ready runs, and nothing is waited for."""
    for _ in range(count):
        await asyncio.sleep(0)

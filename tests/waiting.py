"""Waiting for a condition, with a limit: the only pauses that tests make."""

import asyncio
from collections.abc import Awaitable, Callable

PAUSE_S = 0.02


async def eventually(condition: Callable[[], Awaitable[bool]], *, within_s: float = 15.0) -> None:
    """Returns once the condition holds; TimeoutError when it does not within the limit."""
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110 - other processes fulfil it, not tasks of this one
            await asyncio.sleep(PAUSE_S)


async def turns(count: int = 1) -> None:
    """Lets the event loop take so many turns: all that is ready runs, and nothing is waited for."""
    for _ in range(count):
        await asyncio.sleep(0)

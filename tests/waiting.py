"""Waiting for a condition, with a limit."""

import asyncio
from collections.abc import Awaitable, Callable

PAUSE_S = 0.02


async def eventually(condition: Callable[[], Awaitable[bool]], *, within_s: float = 15.0) -> None:
    """Returns once the condition holds; TimeoutError when it does not within the limit."""
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110 - other processes fulfil it, not tasks of this one
            await asyncio.sleep(PAUSE_S)

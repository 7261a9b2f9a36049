"""Waiting for a condition, with a limit."""

import asyncio
from collections.abc import Awaitable, Callable

type Probe = Callable[[], Awaitable[bool]]


async def until(probe: Probe, *, within_s: float, every_s: float = 0.05) -> None:
    """Returns once the probe answers True; TimeoutError after `within_s`, even in the middle of a probe."""
    async with asyncio.timeout(within_s):
        while not await probe():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(every_s)

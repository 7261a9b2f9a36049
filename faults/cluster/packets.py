"""Drops a container's packets in its own network namespace. Needs root, nsenter and iptables on this machine."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from faults.cluster.docker import Container

_RULES = (("INPUT", "!", "-i", "lo", "-j", "DROP"), ("OUTPUT", "!", "-o", "lo", "-j", "DROP"))


def missing_means() -> str | None:
    """What is missing here to drop packets, if anything is."""
    if os.geteuid() != 0:
        return "root's rights"
    return next((program for program in ("nsenter", "iptables") if shutil.which(program) is None), None)


@asynccontextmanager
async def swallowed(container: Container) -> AsyncIterator[None]:
    """Nothing that it sends arrives inside the context, and nothing reaches it; nobody is told. OSError where it cannot
    be done."""
    async with AsyncExitStack() as undone:
        for rule in _RULES:
            await _iptables(container, "--insert", *rule)
            undone.push_async_callback(_iptables, container, "--delete", *rule)
        yield


async def _iptables(container: Container, *arguments: str) -> None:
    inside = ("nsenter", "--target", str(container.pid), "--net", "iptables", "--wait", *arguments)
    process = await asyncio.create_subprocess_exec(*inside)
    if await process.wait() != 0:
        raise OSError(f"{' '.join(inside)} ended with {process.returncode}")

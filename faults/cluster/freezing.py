"""Freezes containers, by the engine's freezer or else by signals."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from faults.cluster.docker import Container, DockerFailed, docker
from faults.stopping import stopped


@asynccontextmanager
async def frozen(*containers: Container) -> AsyncIterator[None]:
    """Nothing runs in them inside the context. DockerFailed or OSError where that cannot be done; then all run."""
    async with AsyncExitStack() as undone:
        for container in containers:
            await undone.enter_async_context(_frozen(container))
        yield


@asynccontextmanager
async def _frozen(container: Container) -> AsyncIterator[None]:
    """The freezer of cgroup v1 gives up ("unable to freeze") while processes join the container, as those of its health
    check do, or wait for a disk; signals wait for such a process instead (runc, libcontainer/cgroups/fs/freezer.go).
    """
    if await _paused(container):
        try:
            yield
        finally:
            await docker("unpause", container.id)
    else:
        with stopped(container.pid):
            yield


async def _paused(container: Container) -> bool:
    try:
        await docker("pause", container.id)
    except DockerFailed:
        return False
    except TimeoutError:  # the engine may do it yet
        with suppress(DockerFailed):
            await docker("unpause", container.id)
        raise
    return True

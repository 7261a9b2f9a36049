"""The `docker` command, and what it knows of containers."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any


class DockerFailed(Exception):
    """The command ended with another status than 0; the message has what it said."""


async def docker(*arguments: str, within_s: float = 60.0) -> str:
    """What `docker` prints. DockerFailed when it fails, TimeoutError when it takes longer."""
    process = await asyncio.create_subprocess_exec(
        "docker",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(within_s):
            said, complained = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        raise DockerFailed(f"docker {' '.join(arguments)}: {complained.decode()[-2000:]}")
    return said.decode()


@dataclass(frozen=True)
class Container:
    """One container of a compose project, as it was when the engine was asked. `pid` is that of its first process."""

    id: str
    service: str
    number: int
    pid: int
    is_running: bool
    is_healthy: bool
    networks: tuple[str, ...]
    state: dict[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        """The variables of its programs that are not empty."""
        given = (line.partition("=") for line in self.state["Config"]["Env"])
        return {name: value for name, _, value in given if value}


async def containers(project: str) -> list[Container]:
    """The project's containers that have a health check, stopped ones too, by service and number."""
    label = f"label=com.docker.compose.project={project}"
    ids = (await docker("ps", "--all", "--quiet", "--filter", label)).split()
    known = json.loads(await docker("inspect", *ids)) if ids else []
    return sorted(map(_container, filter(_has_health, known)), key=lambda one: (one.service, one.number))


def _has_health(known: dict[str, Any]) -> bool:
    return bool(known["Config"].get("Healthcheck", {}).get("Test", ["NONE"]) != ["NONE"])


def _container(known: dict[str, Any]) -> Container:
    labels, state = known["Config"]["Labels"], known["State"]
    return Container(
        id=known["Id"],
        service=labels["com.docker.compose.service"],
        number=int(labels["com.docker.compose.container-number"]),
        pid=state["Pid"],
        is_running=state["Running"] and not state["Paused"],
        is_healthy=state.get("Health", {}).get("Status") == "healthy",
        networks=tuple(known["NetworkSettings"]["Networks"]),
        state=known,
    )

"""The cluster of docker-compose.yml and deploy/compose/cluster.yml, beside whatever else runs on this engine."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from local_stack.ports import pick_port
from local_stack.waiting import until

from faults.cluster.docker import Container, containers, docker
from faults.cluster.variables import ROOT, as_variable, free_range, new_passwords

FILES = (ROOT / "docker-compose.yml", ROOT / "deploy" / "compose" / "cluster.yml")
GATEWAYS = 2

_BUILT_WITHIN_S = 900.0
_UP_WITHIN_S = 480.0
_HEALTHY_WITHIN_S = 120.0
_DOWN_WITHIN_S = 240.0


@dataclass(frozen=True)
class Cluster:
    """A compose project and the file with its variables."""

    project: str
    environment_file: Path
    first_gateway_port: int
    edge_port: int

    @property
    def gateway_urls(self) -> tuple[str, ...]:
        """Of each gateway. Only 127.0.0.1 has these ports."""
        ports = range(self.first_gateway_port, self.first_gateway_port + GATEWAYS)
        return tuple(f"http://127.0.0.1:{port}" for port in ports)

    @property
    def edge_url(self) -> str:
        """Of the proxy before both gateways."""
        return f"http://127.0.0.1:{self.edge_port}"

    async def compose(self, *arguments: str, within_s: float = 60.0) -> str:
        """What `docker compose` prints for this project."""
        files = (word for file in FILES for word in ("--file", str(file)))
        chosen = ("--project-name", self.project, "--env-file", str(self.environment_file))
        return await docker("compose", *files, *chosen, *arguments, within_s=within_s)

    async def containers(self, service: str | None = None) -> list[Container]:
        """All of them but the one that migrated, or those of a service."""
        return [one for one in await containers(self.project) if service in {None, one.service}]

    async def container(self, service: str, number: int = 1) -> Container:
        """One of a service, by its number from 1 on."""
        (found,) = [one for one in await self.containers(service) if one.number == number]
        return found

    async def is_healthy(self) -> bool:
        """Whether every container runs and is healthy."""
        return all(one.is_running and one.is_healthy for one in await self.containers())


@asynccontextmanager
async def running_cluster(directory: Path, show: Callable[[str], None]) -> AsyncIterator[Cluster]:
    """Builds the images and starts the cluster with passwords of its own, which takes a minute or two. Afterwards its
    logs are in `directory`, and nothing else is left of it but the images.
    """
    cluster = _planned(directory)
    try:
        show("building the images")
        await cluster.compose("build", "--quiet", within_s=_BUILT_WITHIN_S)
        show("starting the cluster")
        await cluster.compose("up", "--detach", "--no-build", within_s=_UP_WITHIN_S)
        await until(cluster.is_healthy, within_s=_HEALTHY_WITHIN_S, every_s=0.5)
        yield cluster
    finally:
        logs = await cluster.compose("logs", "--no-color", "--timestamps", within_s=_DOWN_WITHIN_S)
        (directory / "containers.log").write_text(logs)
        await cluster.compose("down", "--volumes", "--timeout", "5", within_s=_DOWN_WITHIN_S)


def _planned(directory: Path) -> Cluster:
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "environment"
    gateways, edge = free_range(GATEWAYS), pick_port()
    ports = (f"GATEWAY_PORTS={as_variable(gateways)}", f"EDGE_PORT={edge}", "TASKWIRE_TAG=test")
    file.write_text("".join(f"{line}\n" for line in (*new_passwords(), *ports)))
    return Cluster(f"taskwire-{secrets.token_hex(4)}", file, gateways[0], edge)

"""A copy of docker-compose.yml's system of its own, beside whatever else runs on this engine."""

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from local_stack.ports import pick_port

from faults.cluster.variables import ROOT, as_variable, free_range, new_passwords

from .engine import inspect, run

UP_WITHIN_S = 600  # the images are built first
HEALTHY_WITHIN_S = 90
PROFILES = ("--profile", "pooler", "--profile", "replica", "--profile", "edge")


@dataclass(frozen=True)
class Layout:
    """How many there are of each service, one by default, and what else is started or set."""

    replicas: Mapping[str, int] = field(default_factory=dict)
    profiles: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """The variables; several gateways get free ports, for themselves and for as many that replace them."""
        gateways = self.replicas.get("gateway", 1)
        ports = {"GATEWAY_PORT": as_variable(free_range(2 * gateways))} if gateways > 1 else {}
        return {**self.variables, **ports}


@dataclass(frozen=True)
class Project:
    """One system of containers."""

    name: str
    environment_file: Path
    gateway_url: str
    edge_url: str
    files: tuple[Path, ...] = (ROOT / "docker-compose.yml",)

    def compose(self, *arguments: str, variables: Mapping[str, str] | None = None, within_s: float = 120) -> str:
        """What docker compose prints. `variables` win over the environment file."""
        return run(
            *("docker", "compose"),
            *self.options(),
            *arguments,
            within_s=within_s,
            environment=variables,
        )

    def options(self) -> tuple[str, ...]:
        """Options that select this project in docker compose."""
        files = ("--project-directory", str(ROOT), *(word for file in self.files for word in ("--file", str(file))))
        return (*files, "--project-name", self.name, "--env-file", str(self.environment_file))

    def arrange(self, layout: Layout) -> None:
        """Starts, stops and replaces containers until there are those of the layout."""
        scale = [word for name, count in layout.replicas.items() for word in ("--scale", f"{name}={count}")]
        self.up(*scale, profiles=layout.profiles, variables=layout.environment())

    def up(self, *arguments: str, profiles: tuple[str, ...] = (), variables: Mapping[str, str] | None = None) -> None:
        """Returns when every container that has a health is healthy."""
        chosen = [word for name in profiles for word in ("--profile", name)]
        self.compose(*chosen, "up", "--detach", *arguments, variables=variables, within_s=UP_WITHIN_S)
        give_up_at = time.monotonic() + HEALTHY_WITHIN_S
        while unhealthy := self._unhealthy():
            assert time.monotonic() < give_up_at, f"not healthy after {HEALTHY_WITHIN_S} s: {unhealthy}"
            time.sleep(0.2)

    def _unhealthy(self) -> list[str]:
        health = {container["Name"]: container["State"].get("Health") for container in self.containers()}
        return [name for name, state in health.items() if state is not None and state["Status"] != "healthy"]

    def sql(self, statement: str) -> list[str]:
        """The lines that PostgreSQL answers its administrator with."""
        psql = ("psql", "-h", "/var/run/postgresql", "-U", "postgres", "-d", "taskwire", "-AtqXc", statement)
        return self.compose("exec", "-T", "postgres", *psql).splitlines()

    def gateway_urls(self) -> list[str]:
        """Where each gateway answers, past the edge."""
        bound = [one["NetworkSettings"]["Ports"]["8000/tcp"][0]["HostPort"] for one in self.containers("gateway")]
        return [f"http://127.0.0.1:{port}" for port in bound]

    def containers(self, service: str | None = None) -> list[dict[str, Any]]:
        """What the engine knows of the containers, ended ones too."""
        label = f"label=com.docker.compose.project={self.name}"
        of_service = ("--filter", f"label=com.docker.compose.service={service}") if service else ()
        ids = run("docker", "ps", "--all", "--quiet", "--filter", label, *of_service).split()
        return inspect(*ids) if ids else []


@contextmanager
def running_project(directory: Path, *, rabbitmq_image: str | None = None) -> Iterator[Project]:
    """Builds the images and starts the system with passwords of its own; nothing is left of it but the images.

    On another image of RabbitMQ than that of docker-compose.yml where one is given.
    """
    gateway, edge = pick_port(), pick_port()
    file = directory / "environment"
    ports = f"GATEWAY_PORT={gateway}\nEDGE_PORT={edge}\nTASKWIRE_TAG=test\n"
    file.write_text("".join(f"{line}\n" for line in new_passwords()) + ports)
    name = f"taskwire-{secrets.token_hex(4)}"
    project = Project(name, file, f"http://127.0.0.1:{gateway}", f"http://127.0.0.1:{edge}")
    if rabbitmq_image is not None:
        override = directory / "rabbitmq.yml"
        override.write_text(f"services: {{rabbitmq: {{image: '{rabbitmq_image}'}}}}\n")
        project = replace(project, files=(*project.files, override))
    try:
        project.up("--build")
        yield project
    finally:
        project.compose(*PROFILES, "down", "--volumes", "--remove-orphans")

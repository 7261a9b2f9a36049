"""What the engine, PostgreSQL and the kernel tell of a project's containers."""

import os
import subprocess
import sys
from typing import Any

from faults.cluster.variables import ROOT

from .engine import run
from .project import Project

REFUSED_BY_GATEWAYS_ALONE = ("test_bad_fields", "test_bad_ids", "test_bad_json", "test_raw")
"""Modules of tests/contract whose thousand requests reach no server behind the gateway: it refuses them in a container
as it does on the local stack, where they run too."""


def check_contract(gateway_url: str) -> None:
    """Runs tests/contract against this gateway, but for what it refuses alone."""
    left_out = [f"--ignore=tests/contract/{module}.py" for module in REFUSED_BY_GATEWAYS_ALONE]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/contract", *left_out, "-q", "-p", "no:cacheprovider", "--no-header"],
        cwd=ROOT,
        env={**os.environ, "TEST_GATEWAY_URL": gateway_url},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]


def check_restricted(containers: list[dict[str, Any]]) -> None:
    """Fails where a container has a right or a resource that it does not need."""
    assert containers
    for container in containers:
        host, name = container["HostConfig"], container["Name"]
        assert container["Config"]["User"].partition(":")[0] not in {"", "root", "0"}, name
        assert host["ReadonlyRootfs"], name
        assert (host["CapDrop"], host["CapAdd"] or [], host["Privileged"]) == (["ALL"], [], False), name
        assert host["SecurityOpt"] == ["no-new-privileges:true"], name
        assert min(host["Memory"], host["NanoCpus"], host["PidsLimit"]) > 0, name
        assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}, name


def published(containers: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """The services that have a port on this machine, with the address that it listens at."""
    return {
        (container["Config"]["Labels"]["com.docker.compose.service"], binding["HostIp"])
        for container in containers
        for bindings in (container["HostConfig"]["PortBindings"] or {}).values()
        for binding in bindings
    }


def clients_of_postgres(project: Project) -> set[str]:
    """The addresses from which the services' roles are connected."""
    return set(project.sql("select host(client_addr) from pg_stat_activity where usename ~ '_(writer|reader)$'"))


def addresses(container: dict[str, Any]) -> set[str]:
    """Those that the container has inside the project's networks."""
    return {network["IPAddress"] for network in container["NetworkSettings"]["Networks"].values()}


def connections_taken(project: Project) -> int:
    """How many TCP connections the gateways' containers have taken since they started, those of checks too."""
    return sum(_passive_opens(container["Id"]) for container in project.containers("gateway"))


def _passive_opens(container: str) -> int:
    lines = run("docker", "exec", container, "cat", "/proc/net/snmp").splitlines()
    names, values = (line.split() for line in lines if line.startswith("Tcp:"))
    return int(values[names.index("PassiveOpens")])

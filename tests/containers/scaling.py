"""`make scaling`: what one, two and three task-readers and task-writers do, in containers. Needs a Docker engine.

On a small machine the load generator, the gateway and both servers want the same cores, and replicas make no more of
them. So each replica of the service that is looked at is held to a small part of one core: it then bounds the system,
and more of them do more.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from uuid import uuid4

import httpx

from benchmarks.load import Pressure, drive, prepare_generator

from .engine import engine_answers, run
from .project import Project, running_project

SHARE_OF_A_CORE = "0.12"
PRESSURE = Pressure(connections=64, seconds=10)
WARM_UP = Pressure(connections=64, seconds=3)


async def measure(directory: Path) -> None:
    await prepare_generator(say)
    with running_project(directory) as project:
        requests = {
            "task-reader": await reads(project.gateway_url, directory),
            "task-writer": writes(directory),
        }
        say(f"each replica of the service may use {SHARE_OF_A_CORE} of a core; {PRESSURE.connections} connections")
        for service, file in requests.items():
            for count in (1, 2, 3):
                await one(project, service, count, file)
            await asyncio.to_thread(project.up, "--scale", f"{service}=1")


async def one(project: Project, service: str, count: int, file: Path) -> None:
    """Prints what so many replicas of the service do."""
    await asyncio.to_thread(project.up, "--scale", f"{service}={count}")
    containers = [container["Id"] for container in project.containers(service)]
    run("docker", "update", "--cpus", SHARE_OF_A_CORE, *containers)
    await drive(project.gateway_url, file, WARM_UP)
    before = [cpu_s(container) for container in containers]
    load = await drive(project.gateway_url, file, PRESSURE)
    used = sorted(cpu_s(container) - began for container, began in zip(containers, before, strict=True))
    shares = ", ".join(f"{one / PRESSURE.seconds:.3f}" for one in used)
    did = f"{load.requests_per_s:8,.0f} requests/s  p99 {load.p99_ms:6.1f} ms"
    say(f"{count} {service:<11} {did}  cores of each: {shares}")


def cpu_s(container: str) -> float:
    """The CPU time that a container's first process has used."""
    text = run("docker", "exec", container, "python", "-IS", "-c", "print(open('/proc/1/stat').read())")
    user, system = text.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / 100


async def reads(url: str, directory: Path) -> Path:
    """The requests for single tasks, of twenty users."""
    lines = []
    async with httpx.AsyncClient(base_url=url, timeout=15) as client:
        for user in [uuid4() for _ in range(20)]:
            created = await client.post(f"/api/{user}/tasks", json={"title": "Buy milk"})
            lines.append(f"GET {created.headers['location']}\n")
    file = directory / "reads"
    file.write_text("".join(lines))
    return file


def writes(directory: Path) -> Path:
    """The requests that create tasks, for twenty users."""
    file = directory / "writes"
    file.write_text("".join(f'POST /api/{uuid4()}/tasks {{"title": "Buy milk"}}\n' for _ in range(20)))
    return file


def say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    if not engine_answers():
        say("No Docker engine answers here: nothing was measured.")
        return 2
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(measure(Path(directory)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

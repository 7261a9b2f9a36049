"""Where RabbitMQ's and Erlang's programs stand, and how Debian's package gets here when they are missing."""

import asyncio
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local_stack.errors import MissingProgram
from local_stack.settings import find_program, server_environment
from local_stack.supervision import Report

_APT_WITHIN_S = 600.0
_CHOICES = "Install rabbitmq-server (Debian: `apt-get install rabbitmq-server`), or set RABBITMQ_URL to one that runs"


@dataclass(frozen=True)
class RabbitmqPrograms:
    """The server's start script, its command line tool, and the port mapper of its Erlang."""

    version: tuple[int, ...]  # (3, 10, 8)
    server: Path
    ctl: Path
    epmd: Path


async def rabbitmq_programs(report: Report) -> RabbitmqPrograms:
    """The installed programs; as root on Debian, installs them first. MissingProgram names the choices otherwise."""
    found = _installed()
    if found is None and os.geteuid() == 0 and find_program("apt-get") is not None:
        await _install_debian_package(report)
        found = _installed()
    if found is None:
        raise MissingProgram(f"RabbitMQ is not installed. {_CHOICES}.")
    return found


def _installed() -> RabbitmqPrograms | None:
    server, epmd = _server_script(), _epmd()
    if server is None or epmd is None:
        return None
    return RabbitmqPrograms(_version(server), server, server.with_name("rabbitmqctl"), epmd)


def _version(server: Path) -> tuple[int, ...]:
    """Of the application `rabbit` beside the script; MissingProgram when it is not there."""
    for application in server.resolve().parent.parent.glob("plugins/rabbit-*"):
        return tuple(int(part) for part in re.findall(r"\d+", application.name))
    raise MissingProgram(f"{server} has no application `rabbit` beside it, so its version is not known. {_CHOICES}.")


def _server_script() -> Path | None:
    """RabbitMQ's own script. The one that Debian and Red Hat put on PATH changes to the user `rabbitmq` instead."""
    packaged = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    return packaged if packaged.exists() else find_program("rabbitmq-server")


def _epmd() -> Path | None:
    """Erlang's port mapper: on PATH, else beside the virtual machine that `erl` starts."""
    on_path, erl = find_program("epmd"), find_program("erl")
    if on_path is not None or erl is None:
        return on_path
    return next(iter(sorted(erl.resolve().parent.parent.glob("erts-*/bin/epmd"))), None)


async def _install_debian_package(report: Report) -> None:
    report("RabbitMQ is not installed: installing Debian's package rabbitmq-server")
    environment = {**server_environment(), "DEBIAN_FRONTEND": "noninteractive"}
    with _no_service_starts():
        for arguments in (("update",), ("install", "--yes", "--no-install-recommends", "rabbitmq-server")):
            await _apt_get(arguments, environment)


async def _apt_get(arguments: tuple[str, ...], environment: dict[str, str]) -> None:
    """Runs apt-get, whose own output is the progress."""
    apt = await asyncio.create_subprocess_exec("apt-get", *arguments, stdin=asyncio.subprocess.DEVNULL, env=environment)
    try:
        async with asyncio.timeout(_APT_WITHIN_S):
            status = await apt.wait()
    except TimeoutError:
        raise MissingProgram(f"`apt-get {' '.join(arguments)}` took more than 10 minutes. {_CHOICES}.") from None
    if status != 0:
        raise MissingProgram(f"`apt-get {' '.join(arguments)}` ended with status {status}. {_CHOICES}.")


@contextmanager
def _no_service_starts() -> Iterator[None]:
    """Keeps the package from starting a system service: Debian's scripts ask this file, and 101 forbids it."""
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists():  # the system's owner has decided already
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()

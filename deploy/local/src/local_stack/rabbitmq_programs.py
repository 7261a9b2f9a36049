"""Finds RabbitMQ: an installed one, that of a Docker image, or Debian's package, in this order.

ADR 12 says why: releases before 4 are out of support, and Debian 12 has no other.
"""

import asyncio
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from local_stack.errors import MissingProgram
from local_stack.image_files import STATE_INSIDE, ImageFiles, image_files
from local_stack.settings import find_program, server_environment
from local_stack.supervision import Report

SUPPORTED = "4"
"""The oldest line of RabbitMQ that its makers support."""

_APT_WITHIN_S = 600.0
_CHOICES = (
    "Install rabbitmq-server (Debian: `apt-get install rabbitmq-server`), run this as root where a Docker engine "
    "answers, or set RABBITMQ_URL to one that runs"
)
_SCRIPTS = ("usr/lib/rabbitmq/bin", "opt/rabbitmq/sbin")  # of packages, and of the official images
_ERLANGS = ("usr/lib/erlang", "usr/local/lib/erlang", "opt/erlang/lib/erlang")


@dataclass(frozen=True)
class RabbitmqPrograms:
    """The server's start script, its command line tool, and the port mapper of its Erlang.

    The paths are those inside the image where the programs are an image's.
    """

    version: tuple[int, ...]  # (4, 3, 6)
    server: Path
    ctl: Path
    epmd: Path
    image: ImageFiles | None = None

    def arguments(self, program: Path, state: Path) -> tuple[str, ...]:
        """The command line of a program, to be started in the state directory."""
        return (*(self.image.launcher(state) if self.image else ()), str(program))

    def seen(self, state: Path) -> Path:
        """The state directory as the programs see it."""
        return STATE_INSIDE if self.image else state

    def environment(self) -> dict[str, str]:
        """The variables that they get from the caller's environment."""
        return {"PATH": self.image.path} if self.image else server_environment()

    def __str__(self) -> str:
        """The version, its origin, and whether it is out of support."""
        version = ".".join(map(str, self.version))
        source = f"of the image {self.image.name}" if self.image else "installed"
        return f"{version}, {source}" if self.fits(SUPPORTED) else f"{version}, {source}; out of support: use 4.x"

    def fits(self, line: str) -> bool:
        """Whether the version belongs to a line such as `3.10`; `4` includes newer ones."""
        wanted = tuple(int(part) for part in line.split("."))
        return self.version >= wanted if line == SUPPORTED else self.version[: len(wanted)] == wanted


@dataclass(frozen=True)
class Installing:
    """Whether packages may be installed and images pulled, and the file that shows what was done."""

    allowed: bool
    log: Path


_chosen: dict[str | None, RabbitmqPrograms] = {}


def chosen() -> list[RabbitmqPrograms]:
    """The programs that this process has used so far."""
    return list(_chosen.values())


async def rabbitmq_programs(line: str | None, report: Report, installing: Installing) -> RabbitmqPrograms:
    """Programs of this line of releases; by default 4 or later, and older ones where no other can be had.

    May pull and unpack an image, or, as root on Debian, install a package: once. MissingProgram names the choices.
    """
    if line not in _chosen:
        _chosen[line] = await _find(line, report, installing)
    return _chosen[line]


async def _find(line: str | None, report: Report, installing: Installing) -> RabbitmqPrograms:
    found = _installed(Path("/"))
    if found is not None and found.fits(line or SUPPORTED):
        return found
    files = await image_files(f"rabbitmq:{line or SUPPORTED}-management", report, may_pull=installing.allowed)
    if files is not None and (in_image := _installed(files.root, files)) is not None:
        return in_image
    if found is None and installing.allowed and os.geteuid() == 0 and find_program("apt-get") is not None:
        await _install_debian_package(report, installing.log)
        found = _installed(Path("/"))
    if found is None:
        forbidden = "" if installing.allowed else ", and STACK_INSTALL=false forbids to install it"
        raise MissingProgram(f"RabbitMQ is not installed{forbidden}. {_CHOICES}.")
    if line is not None and not found.fits(line):
        raise MissingProgram(f"RabbitMQ {line} is requested, but only {found} is available.")
    return found


def _installed(root: Path, image: ImageFiles | None = None) -> RabbitmqPrograms | None:
    """The programs below this root, which is `/` or an image's; on this machine also those on PATH."""
    server, epmd = _server_script(root), _epmd(root)
    if image is None:
        server, epmd = server or find_program("rabbitmq-server"), find_program("epmd") or epmd or _epmd_beside_erl()
    if server is None or epmd is None:
        return None
    version = _version(server)
    if image is not None:
        server, epmd = (Path("/") / program.relative_to(root) for program in (server, epmd))
    return RabbitmqPrograms(version, server, server.with_name("rabbitmqctl"), epmd, image)


def _server_script(root: Path) -> Path | None:
    """RabbitMQ's own script. The one that Debian and Red Hat put on PATH changes to the user `rabbitmq` instead."""
    scripts = (root / folder / "rabbitmq-server" for folder in _SCRIPTS)
    return next((script for script in scripts if script.exists()), None)


def _epmd(root: Path) -> Path | None:
    """Erlang's port mapper, beside its virtual machine."""
    return next((epmd for erlang in _ERLANGS for epmd in sorted((root / erlang).glob("erts-*/bin/epmd"))), None)


def _epmd_beside_erl() -> Path | None:
    erl = find_program("erl")
    return next(iter(sorted(erl.resolve().parent.parent.glob("erts-*/bin/epmd"))), None) if erl else None


def _version(server: Path) -> tuple[int, ...]:
    """Of the application `rabbit` beside the script; MissingProgram when it is not there."""
    for application in server.resolve().parent.parent.glob("plugins/rabbit-*"):
        return tuple(int(part) for part in re.findall(r"\d+", application.name))
    raise MissingProgram(f"{server} has no application `rabbit` beside it, so its version is not known. {_CHOICES}.")


async def _install_debian_package(report: Report, log: Path) -> None:
    report(
        "installing Debian's package rabbitmq-server, because no RabbitMQ is here; STACK_INSTALL=false forbids it. "
        f"Log: {log}"
    )
    environment = {**server_environment(), "DEBIAN_FRONTEND": "noninteractive"}
    with _no_service_starts(), log.open("ab") as output:
        for arguments in (("update",), ("install", "--yes", "--no-install-recommends", "rabbitmq-server")):
            await _apt_get(arguments, environment, output)


async def _apt_get(arguments: tuple[str, ...], environment: dict[str, str], output: BinaryIO) -> None:
    apt = await asyncio.create_subprocess_exec(
        "apt-get", *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, env=environment
    )
    try:
        async with asyncio.timeout(_APT_WITHIN_S):
            status = await apt.wait()
    except TimeoutError:
        raise MissingProgram(f"`apt-get {' '.join(arguments)}` took more than 10 minutes. {_CHOICES}.") from None
    if status != 0:
        how = f"ended with status {status}: see {output.name}"
        raise MissingProgram(f"`apt-get {' '.join(arguments)}` {how}. {_CHOICES}.")


@contextmanager
def _no_service_starts() -> Iterator[None]:
    """Keeps the package from starting a system service: Debian's scripts run this file, and 101 forbids it."""
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

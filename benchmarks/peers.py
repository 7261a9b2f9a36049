"""The opponents that are not Python: what each needs on this machine, and how it starts.

Nothing is installed but what npm's lock file names. A peer whose runtime is missing is left out of a measurement, which
says so.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local_stack.commands import run_to_end
from local_stack.errors import StackError
from local_stack.settings import cache_directory, find_program, server_environment, service_environment
from local_stack.supervision import Report

from benchmarks.load import ROOT
from benchmarks.opponents.settings import OpponentSettings

WORKERS = 2
POOL_SIZE = int(OpponentSettings.model_fields["pool_size"].default)
"""Connections of each of two processes, or half of those of one process that uses both cores."""

SOURCES = ROOT / "benchmarks" / "opponents"
INSTALL_WITHIN_S = 120.0
BUILD_WITHIN_S = 300.0
PGX = "golang-github-jackc-pgx-v4-dev"
GO_SOURCES = Path("/usr/share/gocode")
"""Where Debian's packages of Go libraries lie."""


class PeerMissing(Exception):
    """A peer cannot run here; the message says what it needs."""


@dataclass(frozen=True)
class Peer:
    """A service in another language, ready to start: it listens on PORT, and its database is at DATABASE_URL."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    versions: Mapping[str, str]


async def prepare_node() -> Peer:
    """Node.js with fastify and postgres, installed by npm as its lock file says. Raises PeerMissing."""
    node, folder = _needed("node", "nodejs"), SOURCES / "node"
    installed = folder / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (folder / "package-lock.json").stat().st_mtime:
        command = (_needed("npm", "npm"), "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund")
        await _run(*command, environment=service_environment(), directory=folder, within_s=INSTALL_WITHIN_S)
    pinned = json.loads((folder / "package.json").read_text())["dependencies"]
    said = await _run(node, "--version", environment=server_environment())
    workers = {"WORKERS": str(WORKERS), "POOL_SIZE": str(POOL_SIZE), "NODE_ENV": "production"}
    return Peer("node", (node, str(folder / "server.js")), workers, {"node": said.strip().lstrip("v"), **pinned})


async def prepare_go() -> Peer:
    """Go with pgx, built against Debian's package of pgx, with whichever Go is on the PATH. Raises PeerMissing."""
    go, program = _needed("go", "golang-go"), ROOT / ".tools" / "go-opponent"
    if not (GO_SOURCES / "src" / "github.com" / "jackc" / "pgx" / "v4").exists():
        raise PeerMissing(f"needs Debian's package {PGX}")
    environment = {
        **server_environment(),
        "GO111MODULE": "off",
        "GOPATH": str(GO_SOURCES),
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
        "GOCACHE": str(cache_directory() / "go-build"),
    }
    build = (go, "build", "-o", str(program), str(SOURCES / "go" / "server.go"))
    await _run(*build, environment=environment, within_s=BUILD_WITHIN_S)
    said = await _run(go, "version", environment=environment)
    pgx = await _run("dpkg-query", "--show", "--showformat=${Version}", PGX, environment=environment)
    versions = {"go": said.split()[2].removeprefix("go"), "pgx": pgx.partition("-")[0]}
    return Peer("go", (str(program),), {"POOL_SIZE": str(WORKERS * POOL_SIZE)}, versions)


PEERS = {"node": prepare_node, "go": prepare_go}


async def peers_present(report: Report) -> list[Peer]:
    """Those that can run here; of the others it reports what they need."""
    present = []
    for name, prepare in PEERS.items():
        try:
            present.append(await prepare())
        except PeerMissing as missing:
            report(f"{name} is not measured: {missing}")
    return present


def _needed(program: str, package: str) -> str:
    found = find_program(program)
    if found is None:
        raise PeerMissing(f"needs {program}, as Debian's package {package} or otherwise")
    return str(found)


async def _run(
    *arguments: str, environment: Mapping[str, str], directory: Path = ROOT, within_s: float = INSTALL_WITHIN_S
) -> str:
    try:
        return await run_to_end(arguments, environment=environment, directory=directory, within_s=within_s)
    except StackError as error:
        raise PeerMissing(str(error)) from error

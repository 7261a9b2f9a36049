"""A fault that an engine does not make is made in another way, or skipped and undone; the campaign goes on."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from faults.cluster.compose import Cluster
from faults.cluster.docker import Container
from faults.cluster.freezing import frozen
from faults.cluster.injuries import injure
from faults.history import Campaign, History, Injury
from faults.outages import outage_table
from faults.report import figures, table
from faults.schedule import Fault
from tests.waiting import eventually

KNOWN = {
    "Id": "one",
    "Config": {
        "Healthcheck": {"Test": ["CMD", "true"]},
        "Labels": {"com.docker.compose.service": "etcd-1", "com.docker.compose.container-number": "1"},
    },
    "State": {"Pid": 0, "Running": True, "Paused": False, "Health": {"Status": "healthy"}},
    "NetworkSettings": {"Networks": {"back": {}, "consensus": {}}},
}
DOCKER = """#!/bin/sh
echo "$*" >>{log}
case "$*" in
  ps*) echo one ;;
  inspect*) cat {known} ;;
  {fails}) echo "{complaint}" >&2; exit 1 ;;
esac
"""


class Engine:
    """A `docker` that knows one container, and fails at one command."""

    def __init__(self, directory: Path, *, fails: str, complaint: str) -> None:
        self._log, known, program = directory / "log", directory / "known.json", directory / "docker"
        known.write_text(json.dumps([KNOWN]))
        program.write_text(DOCKER.format(log=self._log, known=known, fails=fails, complaint=complaint))
        program.chmod(0o755)

    @property
    def done(self) -> list[str]:
        """What it was told to do to containers."""
        return [line for line in self._log.read_text().splitlines() if not line.startswith(("ps", "inspect"))]


@pytest.fixture
def family() -> Iterator[list[psutil.Process]]:
    """A process with a child and a grandchild."""
    command = "sh -c 'sleep 600; true' & wait; true"
    with subprocess.Popen(["sh", "-c", command], start_new_session=True) as first:
        process = psutil.Process(first.pid)
        while len(found := [process, *process.children(recursive=True)]) < 3:
            pass
        yield found
        os.killpg(first.pid, signal.SIGKILL)


def container(pid: int) -> Container:
    return Container("one", "etcd-1", 1, pid, True, True, ("back",), KNOWN)


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path


async def test_a_container_that_cannot_be_paused_is_stopped_by_signals(
    on_path: Path, family: list[psutil.Process]
) -> None:
    engine = Engine(on_path, fails="pause*", complaint="OCI runtime pause failed: unable to freeze")

    async def all_are(stopped: bool) -> bool:
        return all((one.status() == psutil.STATUS_STOPPED) is stopped for one in family)

    async with frozen(container(family[0].pid)):
        await eventually(lambda: all_are(True), within_s=5)
    await eventually(lambda: all_are(False), within_s=5)

    assert engine.done == ["pause one"]


async def test_a_fault_that_cannot_be_made_is_skipped_and_undone(on_path: Path, tmp_path: Path) -> None:
    engine = Engine(on_path, fails="kill*", complaint="container one is restarting")
    cluster = Cluster("taskwire-none", tmp_path / "environment", 1, 2)

    injury = await injure(cluster, Fault("kill", "etcd", 0.0), 7)

    assert "container one is restarting" in (injury.skipped or "")
    assert (injury.round, injury.name, injury.is_back) == (7, "kill etcd (skipped)", True)
    assert engine.done == ["kill one", "start one"]


async def test_half_a_fault_is_undone(on_path: Path, tmp_path: Path) -> None:
    engine = Engine(on_path, fails="network\\ disconnect\\ consensus*", complaint="no such network")
    cluster = Cluster("taskwire-none", tmp_path / "environment", 1, 2)

    injury = await injure(cluster, Fault("cut off", "etcd", 0.0), 0)

    assert "no such network" in (injury.skipped or "")
    assert engine.done == [
        "network disconnect back one",
        "network disconnect consensus one",
        "network connect --alias etcd-1 back one",
    ]


async def test_a_frozen_container_without_a_process_is_skipped(on_path: Path, tmp_path: Path) -> None:
    engine = Engine(on_path, fails="pause*", complaint="container one is not running")

    injury = await injure(Cluster("taskwire-none", tmp_path / "environment", 1, 2), Fault("freeze", "etcd", 0.0), 0)

    assert injury.skipped is not None
    assert engine.done == ["pause one"]


def test_the_tables_name_what_was_skipped_and_count_what_was_made() -> None:
    injuries = [
        Injury(0, "kill", "etcd", 1.0, 2.0, skipped="DockerFailed: it is restarting"),
        Injury(1, "kill", "etcd", 3.0, 4.0),
        Injury(2, "kill", "proxy", 5.0, 6.0, is_back=False),
    ]
    history = History(Campaign(1, 60, 1, ("user",)), [], injuries)

    lines = list(table(history, []))

    assert "faults: 2 (kill 2)" in lines
    assert "  kill etcd (skipped): DockerFailed: it is restarting" in lines
    assert [line.split("  ")[0] for line in outage_table(history, [])][1:] == [
        "kill etcd",
        "kill etcd (skipped)",
        "kill proxy (not back)",
    ]
    assert figures(history, [])["faults"] == {"kill etcd": 1, "kill etcd (skipped)": 1, "kill proxy (not back)": 1}

"""A peer that cannot run here says what it needs; the sources and locks of peers are as this repository wants them."""

import subprocess
from pathlib import Path

import pytest
from local_stack.settings import find_program

from benchmarks.peers import PEERS, SOURCES, PeerMissing, peers_present
from benchmarks.scenarios import PEERS as NAMES


def test_every_peer_has_its_place_in_the_scenarios() -> None:
    assert tuple(PEERS) == NAMES


@pytest.mark.parametrize(("name", "package"), [("node", "nodejs"), ("go", "golang-go")])
async def test_a_peer_without_its_runtime_names_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, package: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(PeerMissing, match=package):
        await PEERS[name]()


async def test_a_measurement_says_which_peers_it_leaves_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said: list[str] = []

    assert await peers_present(said.append) == []

    assert [line.split()[0] for line in said] == list(PEERS)


@pytest.mark.skipif(find_program("gofmt") is None, reason="NOT TESTED: needs gofmt, of Debian's package golang-go")
def test_the_go_source_is_formatted() -> None:
    shown = subprocess.run(["gofmt", "-l", SOURCES / "go"], check=True, capture_output=True, text=True)

    assert shown.stdout == ""


def test_the_lock_of_npm_names_no_registry() -> None:
    assert '"resolved"' not in (SOURCES / "node" / "package-lock.json").read_text()

import json
import socket
import stat
from pathlib import Path

import pytest
from local_stack.errors import AlreadyRunning
from local_stack.ports import pick_port
from local_stack.state import State, open_state, remembered_password, remembered_port


async def test_a_directory_that_is_open_is_refused(state: State) -> None:
    with pytest.raises(AlreadyRunning, match="GATEWAY_PORT"):
        async with open_state(state.path):
            pass


async def test_a_directory_that_was_closed_can_be_opened_again(tmp_path: Path) -> None:
    async with open_state(tmp_path) as first:
        password = remembered_password(first, "someone")

    async with open_state(tmp_path) as second:
        assert remembered_password(second, "someone") == password


async def test_a_killed_predecessors_pid_files_are_forgotten(tmp_path: Path) -> None:
    (tmp_path / "gateway.pid").write_text("1\n")

    async with open_state(tmp_path) as state:
        assert not state.pid_file("gateway").exists()


def test_passwords_differ_and_only_the_owner_can_read_them(state: State) -> None:
    passwords = {remembered_password(state, name) for name in ("one", "other")}

    assert len(passwords) == 2
    assert stat.S_IMODE((state.path / "identity.json").stat().st_mode) == 0o600


def test_a_port_stays_the_same_while_it_is_free(state: State) -> None:
    assert remembered_port(state, "server") == remembered_port(state, "server")


def test_a_port_that_someone_else_took_is_replaced_for_good(state: State) -> None:
    taken = remembered_port(state, "server")

    with socket.create_server(("127.0.0.1", taken)):
        replacement = remembered_port(state, "server")

    assert replacement != taken
    assert remembered_port(state, "server") == replacement


def test_two_servers_never_get_the_same_port(state: State) -> None:
    port = pick_port()
    (state.path / "identity.json").write_text(json.dumps({"one-port": str(port)}))

    ports = {remembered_port(state, name) for name in ("one", "two", "three")}

    assert port in ports
    assert len(ports) == 3


async def test_stacks_that_start_at_once_get_different_ports(state: State, tmp_path: Path) -> None:
    preferred = pick_port()

    async with open_state(tmp_path / "other") as other:
        ports = {remembered_port(stack, "gateway-admin", preferred=preferred) for stack in (state, other)}

    assert preferred in ports
    assert len(ports) == 2


async def test_stacks_that_remember_the_same_port_get_different_ones(state: State, tmp_path: Path) -> None:
    port = pick_port()

    async with open_state(tmp_path / "other") as other:
        for stack in (state, other):
            (stack.path / "identity.json").write_text(json.dumps({"server-port": str(port)}))
        ports = {remembered_port(stack, "server") for stack in (state, other)}

    assert port in ports
    assert len(ports) == 2


def test_a_preferred_port_that_another_server_of_the_stack_has_is_not_given_again(state: State) -> None:
    port = remembered_port(state, "postgres")

    assert remembered_port(state, "gateway-admin", preferred=port) != port


async def test_a_stack_that_has_ended_leaves_its_ports_to_others(state: State, tmp_path: Path) -> None:
    async with open_state(tmp_path / "former") as former:
        port = remembered_port(former, "server")

    assert remembered_port(state, "server", preferred=port) == port

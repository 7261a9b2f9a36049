import socket
import subprocess
import sys

import pytest
from local_stack.ports import TakenPorts, is_free, pick_port

TAKE = """
from sys import argv, stdin
from local_stack.ports import TakenPorts
ports = TakenPorts()
print(ports.take("server", int(argv[1])), flush=True)
stdin.read()
"""


def test_a_port_is_not_free_while_something_listens_on_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        assert not is_free(port)

    assert is_free(port)


def test_a_picked_port_is_free_and_none_of_those_to_avoid() -> None:
    avoid = frozenset(range(20_000, 32_760))

    port = pick_port(avoid=avoid)

    assert port not in avoid
    assert is_free(port)


@pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: needs Linux's abstract sockets")
def test_a_port_is_taken_for_the_whole_machine_until_its_process_is_gone() -> None:
    port, ours = pick_port(), TakenPorts()
    with subprocess.Popen(
        [sys.executable, "-c", TAKE, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"

        assert not ours.take("server", port)
        other.kill()

    assert ours.take("server", port)
    ours.release()

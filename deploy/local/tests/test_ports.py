import socket

from local_stack.ports import is_free, pick_port


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

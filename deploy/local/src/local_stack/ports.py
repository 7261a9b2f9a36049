"""Free TCP ports on the loopback interface, and reservations of ports before a server listens on them."""

import errno
import secrets
import socket

# Below the range from which Linux takes the ports of outgoing connections (32768 to 60999), so that no client can take
# a server's port while that server is being started again.
_CANDIDATES = range(20_000, 32_768)


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on this port now. Connections in TIME_WAIT do not count."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def pick_port(*, avoid: frozenset[int] = frozenset()) -> int:
    """A random free loopback port outside `avoid` that no stack has reserved; it is not reserved here.

    OSError when there is none.
    """
    candidates = [port for port in _CANDIDATES if port not in avoid]
    while candidates:
        port = candidates.pop(secrets.randbelow(len(candidates)))
        if is_free(port) and not _is_taken(port):
            return port
    raise OSError("no free TCP port on 127.0.0.1 between 20000 and 32767")


class TakenPorts:
    """The ports of one stack, each for one server by name. Until `release`, no other stack on this machine takes them:
    a stack needs seconds to start, and a port on which nobody listens yet looks free to all.
    """

    def __init__(self) -> None:
        self._taken: dict[str, tuple[int, socket.socket]] = {}

    def take(self, name: str, port: int) -> bool:
        """Reserves the port for this server, instead of its previous one. False when another server has it."""
        if name in self._taken and self._taken[name][0] == port:
            return True
        mark = _mark(port)
        if mark is None:
            return False
        if name in self._taken:
            self._taken[name][1].close()
        self._taken[name] = port, mark
        return True

    def release(self) -> None:
        """Releases all reservations."""
        for _, mark in self._taken.values():
            mark.close()
        self._taken.clear()


def _is_taken(port: int) -> bool:
    mark = _mark(port)
    if mark is None:
        return True
    mark.close()
    return False


def _mark(port: int) -> socket.socket | None:
    """A socket whose name reserves the port; None when another socket has that name.

    The name is an abstract one (man 7 unix): no file is left behind, and it goes with its process, however that ends.
    """
    mark = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        mark.bind(f"\0taskwire-port-{port}")
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            mark.close()
            return None
        # Only Linux has such names. Elsewhere nothing is marked, and stacks should not start in the same seconds.
    return mark

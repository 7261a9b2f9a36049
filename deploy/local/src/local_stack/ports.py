"""Free TCP ports on the loopback interface."""

import secrets
import socket

# Below the range from which Linux takes the ports of outgoing connections (32768 to 60999), so that no client can take
# a server's port while that server is being started again.
_CANDIDATES = range(20_000, 32_768)


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on this port now. A connection of a former server in TIME_WAIT does not count."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def pick_port(*, avoid: frozenset[int] = frozenset()) -> int:
    """A random free loopback port that is none of `avoid`; nothing reserves it. OSError when there is none."""
    candidates = [port for port in _CANDIDATES if port not in avoid]
    while candidates:
        port = candidates.pop(secrets.randbelow(len(candidates)))
        if is_free(port):
            return port
    raise OSError("no free TCP port on 127.0.0.1 between 20000 and 32767")

"""What a compose project of its own needs beside `.env.example`: other passwords, and ports that are free."""

import secrets
from collections.abc import Iterator
from pathlib import Path

from local_stack.ports import is_free, pick_port

ROOT = Path(__file__).parents[2]


def new_passwords() -> Iterator[str]:
    """The variables that `.env.example` sets, with other passwords."""
    for line in (ROOT / ".env.example").read_text().splitlines():
        name, is_set, value = line.partition("=")
        if is_set and not name.startswith("#"):
            yield f"{name}={secrets.token_hex(12) if value else ''}"


def free_range(count: int) -> range:
    """So many free ports, one after the other."""
    while True:
        first = pick_port()
        ports = range(first, first + count)
        if all(map(is_free, ports)):
            return ports


def as_variable(ports: range) -> str:
    """The ports as docker compose takes them."""
    return f"{ports[0]}-{ports[-1]}"

"""The name of a request, by which its answer, its log lines and its command can be told: X-Request-ID."""

import re
import secrets
from collections.abc import Iterable
from itertools import count

HEADER = "X-Request-ID"
MAX_CHARACTERS = 64

_HEADER_BYTES = HEADER.lower().encode()
_ACCEPTED = re.compile(rb"[!-~]{1,%d}" % MAX_CHARACTERS)  # visible ASCII: nothing that could break a line or a header
_process = secrets.token_hex(4)
_numbers = count()


def new_request_id() -> str:
    """16 hexadecimal digits: those of this process, and a number. To draw all of them each time would cost more."""
    return f"{_process}{next(_numbers) & 0xFFFFFFFF:08x}"


def request_id_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The client's name for its request; a new one when it has none, or one that is too long or not visible ASCII."""
    for name, value in headers:
        if name == _HEADER_BYTES:
            return value.decode("ascii") if _ACCEPTED.fullmatch(value) else new_request_id()
    return new_request_id()

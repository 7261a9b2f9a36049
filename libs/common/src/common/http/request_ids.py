"""Request ids: X-Request-ID links a request to its response, its log lines and its command."""

import re
import secrets
from collections.abc import Iterable
from itertools import count

HEADER = "X-Request-ID"
MAX_CHARACTERS = 64

_HEADER_BYTES = HEADER.lower().encode()
_ACCEPTED = re.compile(
    rb"[!-~]{1,%d}" % MAX_CHARACTERS
)  # visible ASCII: nothing that could split a log line or a header
_process = secrets.token_hex(4)
_numbers = count()


def new_request_id() -> str:
    """16 hexadecimal digits: a random prefix per process and a counter, which is cheaper than 64 random bits."""
    return f"{_process}{next(_numbers) & 0xFFFFFFFF:08x}"


def request_id_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The client's request id; a new one when it is missing, too long or not visible ASCII."""
    for name, value in headers:
        if name == _HEADER_BYTES:
            return value.decode("ascii") if _ACCEPTED.fullmatch(value) else new_request_id()
    return new_request_id()

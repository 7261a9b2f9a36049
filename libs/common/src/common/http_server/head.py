"""The head of a request, read as strictly as RFC 9112 allows.

What two readers could take in two ways is refused and never mended: a proxy in front and we must see the same requests.
One regular expression holds the grammar, so that the strictness costs next to nothing (ADR 14).
"""

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import NamedTuple

from common.http.problems import CODING_UNKNOWN, MALFORMED_REQUEST, VERSION_UNKNOWN, Problem

END = b"\r\n\r\n"
CHUNKED = -1
"""The length of a body that comes in chunks."""

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
TEXT = rb"[^\x00-\x08\x0a-\x1f\x7f]*+"
_LINE = rb'(%b) ([!"$-~]++) HTTP/([0-9]\.[0-9])\r\n' % TOKEN  # a target with # is none (RFC 9112, 3.2)
_REQUEST_LINE = re.compile(_LINE)
_HEAD = re.compile(rb"%b((?:%b:%b\r\n)*+)\r\n" % (_LINE, TOKEN, TEXT))
_FIELD = re.compile(rb"(%b):[ \t]*+(%b)\r\n" % (TOKEN, TEXT))
_NEVER_IN_A_HEAD = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r[^\n]")
_ABSOLUTE = re.compile(rb"https?://([^/?]*+)(/[^?]*+)?(?:\?(.*))?", re.IGNORECASE)
_HOST = re.compile(
    rb"(?:(?:[0-9A-Za-z._~!$&'()*+;=-]|%[0-9A-Fa-f]{2})++|\[([0-9A-Fa-f:.]++)\])(?::([0-9]{0,5}))?"
)  # RFC 3986, 3.2.2, without the comma of its sub-delims: that is two hosts which somebody joined
_LENGTH = re.compile(rb"[0-9]{1,19}")

_MAX_HOST_BYTES = 300  # a name of DNS has 253; the cache holds no longer ones
_MAX_PORT = 65_535
_HEEDED = frozenset((b"host", b"content-length", b"transfer-encoding", b"connection", b"expect"))
_LISTS = frozenset((b"transfer-encoding", b"connection", b"expect"))


class Head(NamedTuple):
    """What a head says. Names of headers are in lower case; `path` and `query` are as they came, not decoded."""

    method: str
    path: bytes
    query: bytes
    version: str  # "1.0" or "1.1"
    headers: list[tuple[bytes, bytes]]
    body_bytes: int  # 0 without a body
    keeps_alive: bool
    expects_continue: bool


def read_head(received: bytes) -> Head:
    """The head that `received` is, with the empty line at its end. Raises a problem: 400, 501 or 505."""
    match = _HEAD.fullmatch(received)
    if match is None:
        raise malformed("The request could not be parsed as HTTP/1.1.")
    method, target, version_bytes, fields = match.groups()
    version = version_bytes.decode()
    if version not in {"1.1", "1.0"}:
        raise Problem(VERSION_UNKNOWN, "Send the request as HTTP/1.1.")
    headers = [(name.lower(), value.rstrip(b" \t")) for name, value in _FIELD.findall(fields)]
    heeded = _heeded(headers)
    _check_host(heeded.get(b"host"), version)
    path, query = _path_and_query(method, target)
    return Head(
        method.decode(),
        path,
        query,
        version,
        headers,
        _body_bytes(heeded, version),
        version == "1.1" and not _has_token(heeded, b"connection", b"close"),
        version == "1.1" and _has_token(heeded, b"expect", b"100-continue"),
    )


def can_become_a_head(received: bytearray, checked_bytes: int) -> bool:
    """Whether more bytes can make a head of these, of which the first `checked_bytes` were asked about before.

    So that a client which does not speak HTTP is told at once, and not when the time for a head is over.
    """
    if _NEVER_IN_A_HEAD.search(received, max(0, checked_bytes - 1)):
        return False
    return b"\r\n" not in received or _REQUEST_LINE.match(received) is not None


def malformed(detail: str) -> Problem:
    """The problem of a request that breaks the grammar or the rules of HTTP/1.1."""
    return Problem(MALFORMED_REQUEST, detail)


def _heeded(headers: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The values that decide how the request is read; of those that are lists, all lines in one."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _HEEDED:
            if name not in found:
                found[name] = value
            elif name in _LISTS:
                found[name] += b"," + value
            else:
                raise malformed(f"The header {name.decode().title()} may be sent once only.")
    return found


def _has_token(heeded: dict[bytes, bytes], name: bytes, token: bytes) -> bool:
    value = heeded.get(name)
    return value is not None and token in _tokens(value)


def _tokens(value: bytes) -> list[bytes]:
    return [token.strip(b" \t").lower() for token in value.split(b",")]


def _check_host(host: bytes | None, version: str) -> None:
    """RFC 9112, 3.2: one host, and a valid one; HTTP/1.0 knows requests without."""
    if host is None:
        if version == "1.1":
            raise malformed("HTTP/1.1 needs the header Host.")
    elif len(host) > _MAX_HOST_BYTES or not _is_host(host):
        raise malformed("The header Host must be the name or the address of a host, with a port or without.")


@lru_cache(maxsize=1024)
def _is_host(host: bytes) -> bool:
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    address, port = match.groups()
    if port and int(port) > _MAX_PORT:
        return False
    try:
        return address is None or bool(IPv6Address(address.decode()))
    except AddressValueError:
        return False


def _path_and_query(method: bytes, target: bytes) -> tuple[bytes, bytes]:
    """The forms of RFC 9112, 3.2. We are no proxy and open no tunnel, so CONNECT is refused like any wrong form."""
    if target.startswith(b"/") and method != b"CONNECT":
        path, _, query = target.partition(b"?")
        return path, query
    if target == b"*" and method == b"OPTIONS":
        return target, b""
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None or method == b"CONNECT":
        raise malformed("The target of the request must be a path that begins with a slash.")
    authority, path, query = absolute.groups()
    if len(authority) > _MAX_HOST_BYTES or not _is_host(authority):
        raise malformed("The target of the request has no valid host.")
    return path or b"/", query or b""


def _body_bytes(heeded: dict[bytes, bytes], version: str) -> int:
    """RFC 9112, 6: how long the body is, CHUNKED when it comes in chunks."""
    coding, length = heeded.get(b"transfer-encoding"), heeded.get(b"content-length")
    if coding is not None:
        if length is not None or version != "1.1":
            raise malformed("Transfer-Encoding goes with HTTP/1.1, and without Content-Length.")
        return _chunked(_tokens(coding))
    if length is None:
        return 0
    if not _LENGTH.fullmatch(length):
        raise malformed("The header Content-Length must be one number.")
    return int(length)


def _chunked(codings: list[bytes]) -> int:
    if codings == [b"chunked"]:
        return CHUNKED
    if codings[-1] == b"chunked" and codings.count(b"chunked") == 1 and all(codings):
        raise Problem(CODING_UNKNOWN, "The only Transfer-Encoding that is read is chunked.")
    raise malformed("The last Transfer-Encoding must be chunked, and it must be that once.")

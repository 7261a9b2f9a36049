"""Parses the head of a request as strictly as RFC 9112 allows.

Ambiguous input is rejected, never repaired: a proxy in front and this server must see the same requests. One regular
expression holds the grammar, so that the strictness costs almost nothing (ADR 14).
"""

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import NamedTuple

from common.http.problems import CODING_UNKNOWN, MALFORMED_REQUEST, VERSION_UNKNOWN, Problem

END = b"\r\n\r\n"
CHUNKED = -1
"""The length of a chunked body."""

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
TEXT = rb"[^\x00-\x08\x0a-\x1f\x7f]*+"
_LINE = rb'(%b) ([!"$-~]++) HTTP/([0-9]\.[0-9])\r\n' % TOKEN  # a target must not contain # (RFC 9112, 3.2)
_REQUEST_LINE = re.compile(_LINE)
_HEAD = re.compile(rb"%b((?:%b:%b\r\n)*+)\r\n" % (_LINE, TOKEN, TEXT))
_FIELD = re.compile(rb"(%b):[ \t]*+(%b)\r\n" % (TOKEN, TEXT))
_FORBIDDEN_IN_HEAD = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r[^\n]")
_ABSOLUTE = re.compile(rb"https?://([^/?]*+)(/[^?]*+)?(?:\?(.*))?", re.IGNORECASE)
_HOST = re.compile(
    rb"(?:(?:[0-9A-Za-z._~!$&'()*+;=-]|%[0-9A-Fa-f]{2})++|\[([0-9A-Fa-f:.]++)\])(?::([0-9]{0,5}))?"
)  # RFC 3986, 3.2.2, without the comma of its sub-delims: a comma means two joined hosts
_LENGTH = re.compile(rb"[0-9]{1,19}")

_MAX_HOST_BYTES = 300  # a DNS name has 253 at most; bounds the cache's entries
_MAX_PORT = 65_535
_INTERPRETED = frozenset((b"host", b"content-length", b"transfer-encoding", b"connection", b"expect"))
_LISTS = frozenset((b"transfer-encoding", b"connection", b"expect"))


class Head(NamedTuple):
    """A parsed head. Header names are in lower case; `path` and `query` are as sent, not decoded."""

    method: str
    path: bytes
    query: bytes
    version: str  # "1.0" or "1.1"
    headers: list[tuple[bytes, bytes]]
    body_bytes: int  # 0 without a body
    keeps_alive: bool
    expects_continue: bool


def read_head(received: bytes) -> Head:
    """Parses a complete head, which ends with its empty line. Raises a problem: 400, 501 or 505."""
    match = _HEAD.fullmatch(received)
    if match is None:
        raise malformed("The request could not be parsed as HTTP/1.1.")
    method, target, version_bytes, fields = match.groups()
    version = version_bytes.decode()
    if version not in {"1.1", "1.0"}:
        raise Problem(VERSION_UNKNOWN, "Send the request as HTTP/1.1.")
    headers = [(name.lower(), value.rstrip(b" \t")) for name, value in _FIELD.findall(fields)]
    interpreted = _interpreted_fields(headers)
    _check_host(interpreted.get(b"host"), version)
    path, query = _path_and_query(method, target)
    return Head(
        method.decode(),
        path,
        query,
        version,
        headers,
        _body_bytes(interpreted, version),
        version == "1.1" and not _has_token(interpreted, b"connection", b"close"),
        version == "1.1" and _has_token(interpreted, b"expect", b"100-continue"),
    )


def is_head_prefix(received: bytearray, checked_bytes: int) -> bool:
    """Whether `received` may be the beginning of a head; its first `checked_bytes` were checked before.

    A client that does not speak HTTP gets its answer immediately, not only after the head's time-out.
    """
    if _FORBIDDEN_IN_HEAD.search(received, max(0, checked_bytes - 1)):
        return False
    return b"\r\n" not in received or _REQUEST_LINE.match(received) is not None


def malformed(detail: str) -> Problem:
    """The problem of a request that violates HTTP/1.1."""
    return Problem(MALFORMED_REQUEST, detail)


def _interpreted_fields(headers: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The fields that decide how the request is parsed; repeated list fields are joined."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _INTERPRETED:
            if name not in found:
                found[name] = value
            elif name in _LISTS:
                found[name] += b"," + value
            else:
                raise malformed(f"The header {name.decode().title()} must not be repeated.")
    return found


def _has_token(interpreted: dict[bytes, bytes], name: bytes, token: bytes) -> bool:
    value = interpreted.get(name)
    return value is not None and token in _tokens(value)


def _tokens(value: bytes) -> list[bytes]:
    return [token.strip(b" \t").lower() for token in value.split(b",")]


def _check_host(host: bytes | None, version: str) -> None:
    """RFC 9112, 3.2: exactly one valid host; optional in HTTP/1.0."""
    if host is None:
        if version == "1.1":
            raise malformed("HTTP/1.1 requires the header Host.")
    elif len(host) > _MAX_HOST_BYTES or not _is_host(host):
        raise malformed("The header Host must be a host name or address, optionally with a port.")


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
    """The forms of RFC 9112, 3.2. This is not a proxy, so CONNECT is rejected like any invalid form."""
    if target.startswith(b"/") and method != b"CONNECT":
        path, _, query = target.partition(b"?")
        return path, query
    if target == b"*" and method == b"OPTIONS":
        return target, b""
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None or method == b"CONNECT":
        raise malformed("The request target must be a path that begins with a slash.")
    authority, path, query = absolute.groups()
    if len(authority) > _MAX_HOST_BYTES or not _is_host(authority):
        raise malformed("The request target has an invalid host.")
    return path or b"/", query or b""


def _body_bytes(interpreted: dict[bytes, bytes], version: str) -> int:
    """The length of the body (RFC 9112, 6); CHUNKED for a chunked one."""
    coding, length = interpreted.get(b"transfer-encoding"), interpreted.get(b"content-length")
    if coding is not None:
        if length is not None or version != "1.1":
            raise malformed("Transfer-Encoding requires HTTP/1.1 and excludes Content-Length.")
        return _chunked(_tokens(coding))
    if length is None:
        return 0
    if not _LENGTH.fullmatch(length):
        raise malformed("The header Content-Length must be a single number.")
    return int(length)


def _chunked(codings: list[bytes]) -> int:
    if codings == [b"chunked"]:
        return CHUNKED
    if codings[-1] == b"chunked" and codings.count(b"chunked") == 1 and all(codings):
        raise Problem(CODING_UNKNOWN, "The only supported Transfer-Encoding is chunked.")
    raise malformed("The last Transfer-Encoding must be chunked, exactly once.")

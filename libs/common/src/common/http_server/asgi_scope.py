"""Builds the ASGI scope of a request."""

import asyncio
from collections.abc import Mapping, MutableMapping
from typing import Any, NamedTuple, Self

from common.http_server.head import Head

_ASGI = {"version": "3.0", "spec_version": "2.3"}


class Addresses(NamedTuple):
    """Address and port of both ends of a connection; None where there is none, as on a Unix socket."""

    server: tuple[str, int] | None
    client: tuple[str, int] | None

    @classmethod
    def of(cls, transport: asyncio.BaseTransport) -> Self:
        """The addresses of this connection."""
        return cls(_address(transport.get_extra_info("sockname")), _address(transport.get_extra_info("peername")))


def asgi_scope(head: Head, addresses: Addresses, state: Mapping[str, Any]) -> MutableMapping[str, Any]:
    """The scope of the request.

    Unlike in ASGI, `path` is not percent-decoded: routes match the bytes that were sent, so that a proxy that checks
    paths sees the same path as the services.
    """
    return {
        "type": "http",
        "asgi": _ASGI,
        "http_version": head.version,
        "server": addresses.server,
        "client": addresses.client,
        "scheme": "http",
        "root_path": "",
        "method": head.method,
        "path": head.path.decode(),
        "raw_path": head.path,
        "query_string": head.query,
        "headers": head.headers,
        "state": dict(state),
    }


def _address(info: object) -> tuple[str, int] | None:
    return (info[0], info[1]) if isinstance(info, tuple) else None

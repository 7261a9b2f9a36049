"""Checks of addresses in settings: a wrong one is refused at startup. No error message shows an address, because it may
contain a password."""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from itertools import zip_longest
from typing import TYPE_CHECKING

from pydantic import HttpUrl, SecretStr

if TYPE_CHECKING:
    from yarl import URL

_ORIGIN = re.compile(r"\*|null|[a-z][a-z0-9+.-]*://[^/?#@,A-Z\s]+")


def is_loopback(host: str) -> bool:
    """Whether the host is this machine, by its address or its usual name."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def server_address(url: HttpUrl) -> HttpUrl:
    """An address with host and port only. Raises ValueError."""
    if url.path not in {None, "/"} or url.query is not None:
        raise ValueError("must end after host and port, without a path or a query")
    return without_extras(url)


def base_address(url: HttpUrl) -> HttpUrl:
    """An address to which a path is appended. Raises ValueError."""
    if url.query is not None:
        raise ValueError("must not have a query, because a path is appended")
    return without_extras(url)


def without_extras(url: HttpUrl) -> HttpUrl:
    """An address without user, password and fragment, which may be logged. Raises ValueError."""
    if url.username is not None or url.password is not None:
        raise ValueError("must not have a user or password")
    if url.fragment is not None:
        raise ValueError("must not have a fragment")
    return url


def amqp_addresses(secret: SecretStr) -> SecretStr:
    """The address of a RabbitMQ server, or a list of the nodes of one cluster, separated by commas. Raises ValueError.

    aio_pika would read text without a scheme as a virtual host on localhost, and a list of hosts as one host.
    """
    urls = [_amqp_url(text) for text in split_amqp_addresses(secret)]
    if len({url.with_host("any").with_port(None) for url in urls}) > 1:
        raise ValueError("must be addresses that differ in host and port alone: the nodes of one cluster")
    return secret


def split_amqp_addresses(secret: SecretStr) -> list[str]:
    """Each address of the list, in its order. A comma ends one only before the next `amqp://` or `amqps://`, because
    passwords may have commas."""
    return re.split(r"\s*,\s*(?=amqps?://)", secret.get_secret_value().strip())


def _amqp_url(text: str) -> "URL":
    if not text.startswith(("amqp://", "amqps://")):
        raise ValueError("must start with amqp:// or amqps://")
    from yarl import URL  # noqa: PLC0415 - installed with aio_pika, which the task-reader does not have

    try:
        url = URL(text)
        host, fragment = url.host, url.fragment
    except ValueError:
        host, fragment = None, ""
    path = text.partition("://")[2].partition("/")[2]
    if not host or fragment or re.search(r"[,;\s]", host) or re.search(r"[,;@\s]", path):  # more than one address
        raise ValueError(
            "must be amqp://user:password@host:port/virtual-host with one host, with special characters "
            "percent-encoded; several addresses are separated by commas, each one whole"
        )
    return url


def postgres_hosts(parts: Mapping[str, str]) -> None:
    """Checks the servers in the parts of a PostgreSQL address; libpq would find a fault only when it connects.

    Raises ValueError for a port that is none, for a host without a name among several, and where there are neither one
    port nor as many as hosts.
    """
    hosts, addresses, ports = (parts.get(name, "").split(",") for name in ("host", "hostaddr", "port"))
    for port in filter(None, ports):
        if not (port.isdecimal() and 0 < int(port[:6]) < 2**16):
            raise ValueError("must have a port between 1 and 65535")
    count = max(len(hosts), len(addresses))
    if len(ports) not in {1, count} or {len(hosts), len(addresses)} - {1, count}:
        raise ValueError("must have one port, or one for each of its hosts")
    if count > 1 and not all(host or address for host, address in zip_longest(hosts, addresses, fillvalue="")):
        raise ValueError("must name each of its hosts")


def origin(text: str) -> str:
    """An Origin as browsers send it (RFC 6454), or `*`. Raises ValueError for anything else, which would never
    match."""
    if not _ORIGIN.fullmatch(text):
        raise ValueError("must be as browsers send it: scheme, host in lower case and port, without a path or slash")
    return text

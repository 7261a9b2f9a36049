"""Addresses in settings: each works as it is written, or is refused at the start. No message shows one: it may hold a
password."""

import re
from ipaddress import ip_address

from pydantic import HttpUrl, SecretStr

_ORIGIN = re.compile(r"\*|null|[a-z][a-z0-9+.-]*://[^/?#@,A-Z\s]+")


def is_loopback(host: str) -> bool:
    """Whether the host is this machine, by its address or its usual name."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def server_address(url: HttpUrl) -> HttpUrl:
    """An address that names a server and nothing on it. Raises ValueError."""
    if url.path not in {None, "/"} or url.query is not None:
        raise ValueError("must end after host and port, without a path or a query")
    return without_extras(url)


def base_address(url: HttpUrl) -> HttpUrl:
    """An address that a path is added to. Raises ValueError."""
    if url.query is not None:
        raise ValueError("must have no query: a path is added to it")
    return without_extras(url)


def without_extras(url: HttpUrl) -> HttpUrl:
    """An address that may be logged, and is sent as a whole. Raises ValueError."""
    if url.username is not None or url.password is not None:
        raise ValueError("must have no user and no password")
    if url.fragment is not None:
        raise ValueError("must have no fragment")
    return url


def amqp_address(secret: SecretStr) -> SecretStr:
    """The address of one RabbitMQ server, or of several behind one name. Raises ValueError.

    aio_pika takes text without a scheme for a virtual host of a RabbitMQ on this machine, and a list of hosts for one.
    """
    text = secret.get_secret_value()
    if not text.startswith(("amqp://", "amqps://")):
        raise ValueError("must start with amqp:// or amqps://")
    from yarl import URL  # noqa: PLC0415 - comes with aio_pika, which a task-reader does not have

    try:
        url = URL(text)
        host, fragment = url.host, url.fragment
    except ValueError:
        host, fragment = None, ""
    if not host or fragment or re.search(r"[,\s]", host):
        raise ValueError(
            "must be amqp://user:password@host:port/virtual-host with one host, and with %-escapes for "
            "special characters in its parts"
        )
    return secret


def postgres_ports(ports: str) -> None:
    """Raises ValueError unless all are ports: libpq would find out at each attempt to connect."""
    for port in filter(None, ports.split(",")):
        if not (port.isdecimal() and 0 < int(port[:6]) < 2**16):
            raise ValueError("must have a port between 1 and 65535")


def origin(text: str) -> str:
    """What browsers send as Origin (RFC 6454), or `*`. Raises ValueError: any other would never be met."""
    if not _ORIGIN.fullmatch(text):
        raise ValueError("must be as browsers send it: scheme, host in lower case and port, without a path or slash")
    return text

"""The rule about which modules connect to RabbitMQ."""

import ast
from collections.abc import Iterator

from .imports import imported, local_names
from .sources import Source, root

LIBRARIES = {"aio_pika", "aiormq", "faststream", "pika"}
MAKERS = {"*", "BlockingConnection", "Connection", "RabbitBroker", "RobustConnection", "connect", "connect_robust"}


def made(source: Source) -> list[str]:
    """Names by which a library makes a connection, whether imported or reached through an imported module."""
    return [source.at(node, f"{name} makes a connection") for node, name in _names(source) if _makes_one(name)]


def _makes_one(name: str) -> bool:
    return name.partition(".")[0] in LIBRARIES and name.rpartition(".")[2] in MAKERS


def _names(source: Source) -> Iterator[tuple[ast.AST, str]]:
    yield from imported(source)
    names = {library: library for library in LIBRARIES} | dict(local_names(source))
    for node in source.nodes:
        if isinstance(node, ast.Attribute) and root(node) in names:
            first, _, rest = ast.unparse(node).partition(".")
            yield node, f"{names[first]}.{rest}"

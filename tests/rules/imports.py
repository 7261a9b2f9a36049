"""The rules about imports."""

import ast
from collections.abc import Iterable, Iterator, Mapping

from .sources import Source

OURS = {
    "common", "gateway", "task_reader", "task_writer", "local_stack", "taskwire_client", "migrations", "tests",
    "benchmarks", "faults",
}  # fmt: skip
MAY_IMPORT: Mapping[str, set[str]] = {
    "common": {"common"},
    "gateway": {"common", "gateway"},
    "task_reader": {"common", "task_reader"},
    "task_writer": {"common", "task_writer"},
    "migrations": set(),
    "local_stack": {"local_stack"},
    "taskwire_client": {"taskwire_client"},
}
STRANGE_TO: Mapping[str, set[str]] = {
    "gateway": {"faststream", "psycopg", "psycopg_pool", "asyncpg", "sqlalchemy", "sqlmodel", "alembic"},
    "task_reader": {"faststream", "aio_pika", "aiormq", "sqlalchemy", "sqlmodel", "alembic", "aiohttp"},
    "task_writer": {"fastapi", "starlette", "aiohttp"},
}
ENTRY_OF_ALEMBIC = "migrations.env"  # shows Alembic the tables and the settings; the revisions stand alone


def imported(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Every name that is imported, in full, and where: `from common import settings` imports common.settings."""
    for node in source.nodes:
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(source.module.split(".")[: -node.level]) if node.level else ""
            origin = ".".join(filter(None, (base, node.module)))
            yield from ((node, f"{origin}.{alias.name}") for alias in node.names)


def local_names(source: Source) -> Iterator[tuple[str, str]]:
    """What the module calls each thing that it imports, and the thing's name in full."""
    for (node, name), alias in zip(imported(source), _aliases(source), strict=True):
        yield alias.asname or (name if isinstance(node, ast.Import) else alias.name), name


def _aliases(source: Source) -> Iterator[ast.alias]:
    for node in source.nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from node.names


def wrong_directions(source: Source) -> list[str]:
    """The imports of our own packages that this one may not make, and those that hide what they import."""
    faults = [source.at(node, "a dynamic import hides its direction") for node in _dynamic_imports(source)]
    allowed = MAY_IMPORT.get(source.package, OURS)
    if source.module == ENTRY_OF_ALEMBIC:
        allowed = {"common", "task_writer"}
    for node, name in imported(source):
        package = name.partition(".")[0]
        if package in OURS - allowed:
            faults.append(source.at(node, f"{source.package} must not import {package}"))
    return faults


def strange_libraries(source: Source, all_sources: Iterable[Source]) -> list[str]:
    """The libraries that the module must not bring in, be it through a module of ours that it imports."""
    strange = STRANGE_TO.get(source.package, set())
    by_name = {other.module: other for other in all_sources} | {source.module: source}
    faults, seen, todo = [], {source.module}, [source]
    while todo:
        current = todo.pop()
        for node, name in imported(current):
            if name.partition(".")[0] in strange:
                faults.append(current.at(node, f"{source.module} must not bring in {name.partition('.')[0]}"))
            for module in (name, name.rpartition(".")[0]):
                if module in by_name and module not in seen:
                    seen.add(module)
                    todo.append(by_name[module])
    return faults


def _dynamic_imports(source: Source) -> Iterator[ast.Call]:
    for node in source.nodes:
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in {"import_module", "__import__"}:
                yield node

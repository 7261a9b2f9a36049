"""The rules against tests that pass although what they name is broken."""

import ast
import sys
from collections.abc import Iterator, Mapping

from . import imports
from .sources import Source

WAITING = "tests.waiting"  # waits for a condition, within a limit
SLEEPS = {"asyncio.sleep", "time.sleep"}
MOCKS = {"unittest.mock", "mock", "pytest_mock"}
OURS = imports.OURS - {"tests"}


def sleeps(source: Source) -> list[str]:
    """Pauses of a length that somebody guessed: too short on a busy machine, too long on all others."""
    if source.module == WAITING:
        return []
    names = dict(imports.local_names(source))
    called = ((call, _full_name(call.func, names)) for call in source.nodes if isinstance(call, ast.Call))
    return [source.at(call, f"{name}: use tests/waiting.py") for call, name in called if name in SLEEPS]


def stand_ins(source: Source) -> list[str]:
    """Mocks, and what is put in the place of our own code or of a part of an object; a limit may be set lower."""
    faults = [
        source.at(node, f"{name} stands in for the real thing")
        for node, name in imports.imported(source)
        if any(name == mock or name.startswith(f"{mock}.") for mock in MOCKS)
    ]
    return faults + [
        source.at(call, f"{name} is replaced: use the real thing, or pass it what it needs")
        for call in source.nodes
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "setattr"
        for name in _replaced(source, call)
        if not _is_of_others(source, name) and not _is_limit(name)
    ]


def _replaced(source: Source, call: ast.Call) -> Iterator[str]:
    """The full name of what `monkeypatch.setattr` replaces, given as one text or as an object and a name."""
    match call.args:
        case [ast.Constant(value=str(name)), _]:
            yield name
        case [owner, ast.Constant(value=str(name)), _]:
            yield f"{_full_name(owner, dict(imports.local_names(source)))}.{name}"


def _is_of_others(source: Source, name: str) -> bool:
    """A part of a library, and not of an object that the test has made, which may be ours."""
    package = name.partition(".")[0]
    known = {imported.partition(".")[0] for _, imported in imports.imported(source)} | sys.stdlib_module_names
    return package in known - OURS


def _is_limit(name: str) -> bool:
    """A constant of a module of ours; texts of SQL are constants too, but code."""
    constant = name.rpartition(".")[2]
    return constant.isupper() and not name.startswith("task_writer.statements.")


def _full_name(called: ast.expr, names: Mapping[str, str]) -> str:
    """As Python would find it: `sleep` imported from asyncio is asyncio.sleep."""
    first, dot, rest = ast.unparse(called).partition(".")
    return names.get(first, first) + dot + rest

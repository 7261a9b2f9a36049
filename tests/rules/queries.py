"""The rules about where SQL is, and that it is fixed text."""

import ast
import re
from collections.abc import Iterator

from . import sql
from .sources import Source, texts

HOMES = {"queries.py", "statements.py"}
LOOKS_LIKE_SQL = re.compile(
    r"\b(?:select|insert|update|delete|truncate|merge|copy)\b.*\b(?:tasks|command_log(?:_\d)?|user_revisions)\b",
    re.IGNORECASE | re.DOTALL,
)


def functions(source: Source) -> dict[str, list[str]]:
    """The faults of each function of the database that the module makes, by the name of its text, else by its line."""
    names = _names(source)
    return {
        names.get(id(text), f"line {text.lineno}"): sql.faults(str(text.value))
        for text in texts(source)
        if sql.CREATES_FUNCTION.search(str(text.value))
    }


def _names(source: Source) -> dict[int, str]:
    return {id(node.value): ast.unparse(node.targets[0]) for node in source.tree.body if isinstance(node, ast.Assign)}


def unbound(source: Source) -> dict[str, list[str]]:
    """The faults of each SQL constant of the module, by its name; a string without a name goes by its line."""
    names = _names(source)
    checked = {
        names.get(id(text), f"line {text.lineno}"): sql.faults(str(text.value))
        for text in texts(source)
        if LOOKS_LIKE_SQL.search(str(text.value))
    }
    return {name: faults for name, faults in checked.items() if faults}


def astray(source: Source) -> list[str]:
    """SQL on our tables outside of its homes."""
    if source.name in HOMES:
        return []
    return [source.at(text, "SQL") for text in texts(source) if LOOKS_LIKE_SQL.search(str(text.value))]


def composed(source: Source) -> list[str]:
    """SQL that is put together in Python, where no check can read it."""
    return [source.at(node, "SQL is put together") for node in _compositions(source.tree) if _has_sql(node)]


def _compositions(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        formats = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format"
        if isinstance(node, ast.JoinedStr | ast.BinOp) or formats:
            yield node  # type: ignore[misc]


def _has_sql(node: ast.expr) -> bool:
    verbs = re.compile(r"\b(?:select|insert into|update|delete from|where)\b", re.IGNORECASE)
    parts = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
    return any(isinstance(part, str) and verbs.search(part) for part in parts)

"""The rules for Alembic revisions: time-outs in both directions, a downgrade, no import of the application, and no
change of tasks that leaves their revisions as they were.
"""

import ast
import re
from collections.abc import Iterator

from .sources import Source

MAY_IMPORT = {"sqlalchemy", "alembic"}
READING = {"open", "read_text", "read_bytes", "files", "read"}
TIMEOUTS = ("set local lock_timeout", "set local statement_timeout")
WRITING = re.compile(
    r"\b(?:insert\s+into|update|delete\s+from|merge\s+into)\s+(?:only\s+)?(?:public\.)?tasks\b", re.IGNORECASE
)
WITHOUT_REVISIONS = re.compile(r"/000[1-4]_\w+\.py$")


def faults(revision: Source) -> list[str]:
    """What the revision lacks."""
    functions = {node.name: node for node in revision.tree.body if isinstance(node, ast.FunctionDef)}
    found = [*_ties(revision), *_unmoved(revision)]
    for direction in ("upgrade", "downgrade"):
        function = functions.get(direction)
        if function is None:
            found.append(f"{revision.path}: no {direction}")
            continue
        first, *rest = [statement for statement in function.body if not _does_nothing(statement)] or [ast.Pass()]
        if not all(timeout in ast.unparse(first) for timeout in TIMEOUTS):
            found.append(revision.at(function, f"{direction} does not begin with its time-outs"))
            rest = [first, *rest]
        if not any("op." in ast.unparse(statement) for statement in rest):
            found.append(revision.at(function, f"{direction} does nothing"))
    return found


def _ties(revision: Source) -> Iterator[str]:
    """What another day could change: imports of the application, and files that are read."""
    for node in revision.nodes:
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        modules += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
        for module in modules:
            if module.partition(".")[0] not in MAY_IMPORT:
                yield revision.at(node, f"imports {module}")
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in READING:
            yield revision.at(node, "reads a file")


def _unmoved(revision: Source) -> Iterator[str]:
    """Statements that change tasks and name no revision of a user (ADR 18)."""
    if WITHOUT_REVISIONS.search(str(revision.path)):
        return
    for node in revision.nodes:
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and WRITING.search(text) and "user_revisions" not in text:
            yield revision.at(node, "changes tasks and moves no revision")


def _does_nothing(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def chain(revisions: list[Source]) -> list[tuple[str, str | None]]:
    """Each revision with the one below it, as the files say."""
    pairs = []
    for revision in revisions:
        names = {}
        for node in revision.tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                names[ast.unparse(node.targets[0])] = node.value.value
        pairs.append((str(names["revision"]), None if names["down_revision"] is None else str(names["down_revision"])))
    return pairs

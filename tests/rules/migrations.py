"""What every Alembic revision owes: time-outs in both directions, a way back, and no tie to the application."""

import ast

from .sources import Source

TIMEOUTS = ("set local lock_timeout", "set local statement_timeout")


def faults(revision: Source) -> list[str]:
    """What the revision lacks."""
    functions = {node.name: node for node in revision.tree.body if isinstance(node, ast.FunctionDef)}
    found = []
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

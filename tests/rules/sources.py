"""The Python sources of this repository, parsed, and what their paths say about them."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
PACKAGES = ("libs/*", "services/*", "deploy/*", "clients/*")
PRODUCT = (*(f"{package}/src/**/*.py" for package in PACKAGES), "services/*/migrations/**/*.py")
TESTS = ("tests/**/*.py", *(f"{package}/tests/**/*.py" for package in PACKAGES))

FUNCTIONS_AND_CLASSES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Source:
    """One module; `path` is relative to the repository, with forward slashes."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @cached_property
    def nodes(self) -> Sequence[ast.AST]:
        """All of the tree. Kept, because most rules look at all."""
        return tuple(ast.walk(self.tree))

    @property
    def name(self) -> str:
        """The name of the file."""
        return PurePosixPath(self.path).name

    @property
    def module(self) -> str:
        """The name it is imported by; a revision of the migrations has one too, though nobody imports it."""
        parts = PurePosixPath(self.path).with_suffix("").parts
        start = parts.index("src") + 1 if "src" in parts else parts.index("migrations") if "migrations" in parts else 0
        return ".".join(parts[start:]).removesuffix(".__init__")

    @property
    def package(self) -> str:
        """The first part of the module's name."""
        return self.module.partition(".")[0]

    def at(self, node: ast.AST, fault: str) -> str:
        """The fault with its place."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {fault}"


def sources(*patterns: str) -> list[Source]:
    """All modules that match, in the order of their paths."""
    found = {path for pattern in patterns for path in ROOT.glob(pattern)}
    return [Source(path.relative_to(ROOT).as_posix(), path.read_text()) for path in sorted(found)]


def definitions(body: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function in it, methods and nested ones included."""
    return (node for node in ast.walk(body) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def root(node: ast.expr) -> str:
    """The name that a chain of attributes begins with; empty where it begins with something else."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def texts(source: Source) -> Iterator[ast.Constant]:
    """Every string that is no docstring; the fixed parts of f-strings as well."""
    documented = (ast.Module, *FUNCTIONS_AND_CLASSES)
    said = {id(_first_value(node.body)) for node in source.nodes if isinstance(node, documented)}
    for node in source.nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node


def _first_value(body: list[ast.stmt]) -> ast.expr | None:
    return body[0].value if body and isinstance(body[0], ast.Expr) else None

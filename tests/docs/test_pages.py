"""What the texts name exists: links, paths, tests and make targets."""

import re
from pathlib import Path

import pytest

from .pages import PAGES, ROOT, code, links

SOURCES = [
    *ROOT.glob("libs/*/src"),
    *ROOT.glob("services/*/src"),
    *ROOT.glob("deploy/local/src"),
    *ROOT.glob("clients/*/src"),
]
PATH = re.compile(r"(?<![\w./:$*{-])[\w.-]+(?:/[\w.-]+)*/?(?![\w/*{(])")
FILE = re.compile(r".+\.(py|md|json|svg|toml|lock|yml|yaml|ini|mako|example)|Makefile|Dockerfile")
TEST_NAME = re.compile(r"\btest_\w+\b(?!\.py|/)")
FUNCTION = re.compile(r"`([\w/.-]+\.(?:py|sql))`: `([\w.]+)`")
TARGET = re.compile(r"\bmake ([a-z][a-z-]*)")


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


OF_EACH_PAGE = pytest.mark.parametrize("page", PAGES, ids=page_id)


@OF_EACH_PAGE
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = {target for target in links(page.read_text()) if target}

    assert {target for target in targets if not (page.parent / target).exists()} == set()


@OF_EACH_PAGE
def test_every_path_exists(page: Path) -> None:
    named = {path for line in code(page.read_text()) for path in PATH.findall(line) if is_path(path)}

    assert {path for path in named if not exists(path)} == set()


def is_path(text: str) -> bool:
    """Whether this names a file here: by the folder that it begins with, or by its ending."""
    begins = text.partition("/")[0] if "/" in text else ""
    inside = begins not in {"", ".stack"} and exists(begins)
    return inside or FILE.fullmatch(text) is not None


def exists(path: str) -> bool:
    """A path counts from the root, or from where packages stand: `gateway/tasks.py`."""
    return any((base / path).exists() for base in (ROOT, *SOURCES))


@OF_EACH_PAGE
def test_every_function_that_is_named_with_its_file_is_there(page: Path) -> None:
    named = FUNCTION.findall(page.read_text())

    assert [(path, function) for path, function in named if not defines(path, function)] == []


def defines(path: str, function: str) -> bool:
    """Whether the file defines the function or method; a file of SQL, too."""
    text = next(base / path for base in (ROOT, *SOURCES) if (base / path).exists()).read_text()
    *classes, name = function.split(".")
    if path.endswith(".sql"):
        return f"function {name}(" in text
    return all(re.search(rf"^class {one}\b", text, re.MULTILINE) for one in classes) and f"def {name}(" in text


@OF_EACH_PAGE
def test_every_test_that_is_named_exists(page: Path) -> None:
    named = {name for line in code(page.read_text()) for name in TEST_NAME.findall(line)}
    folders = [ROOT / name for name in ("libs", "services", "deploy", "clients", "tests")]
    tests = "\n".join(path.read_text() for folder in folders for path in folder.rglob("test_*.py"))

    assert {name for name in named if f"def {name}(" not in tests} == set()


@OF_EACH_PAGE
def test_every_make_target_exists(page: Path) -> None:
    named = {target for line in code(page.read_text()) for target in TARGET.findall(line)}
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert named <= targets

"""The checks of sizes, names, docstrings and single places find what is planted."""

import pytest

from . import shape
from .sources import Source

HERE = "services/gateway/src/gateway/reads.py"


def source(text: str, path: str = HERE) -> Source:
    return Source(path, text)


@pytest.mark.parametrize(("lines", "count"), [(250, 0), (251, 1)])
def test_a_module_over_250_lines_is_found(lines: int, count: int) -> None:
    assert len(shape.long_modules(source("x = 1\n" * lines))) == count


@pytest.mark.parametrize(("lines", "count"), [(60, 0), (61, 1)])
@pytest.mark.parametrize("head", ["def f():\n", "async def f():\n", "class C:\n def f(self):\n"])
def test_a_function_over_60_lines_is_found(head: str, lines: int, count: int) -> None:
    text = head + "  x = 1\n" * (lines - 1)

    assert len(shape.large_functions(source(text))) == count


@pytest.mark.parametrize(
    "text",
    [
        "def f(a, b, c, d, e, f): ...",
        "def f(a, b, *, c, d, e, f): ...",
        "def f(a, /, b, c, *, d, e, f): ...",
        "def f(a, b, c, d, *e, **f): ...",
        "async def f(a, b, c, d, e, f=1): ...",
        "class C:\n  def f(self, a, b, c, d, e, f): ...",
        "class C:\n  @staticmethod\n  def f(a, b, c, d, e, f): ...",
        "def g():\n  def f(a, b, c, d, e, f): ...",
    ],
)
def test_a_sixth_parameter_is_found(text: str) -> None:
    assert len(shape.large_functions(source(text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "def f(a, b, *, c, d, e): ...",
        "class C:\n  def f(self, a, b, c, d, e): ...",
        "class C:\n  @classmethod\n  def f(cls, a, b, c, d, e): ...",
        "@dataclass\nclass C:\n  a: int\n  b: int\n  c: int\n  d: int\n  e: int\n  f: int",
    ],
)
def test_five_parameters_and_any_number_of_fields_pass(text: str) -> None:
    assert shape.large_functions(source(text)) == []


@pytest.mark.parametrize(
    "name", ["utils.py", "helpers.py", "base.py", "service.py", "misc/__init__.py", "manager/x.py"]
)
def test_a_name_that_says_nothing_is_found(name: str) -> None:
    assert len(shape.badly_named(source("", f"libs/common/src/common/{name}"))) == 1


def test_a_name_that_says_something_passes() -> None:
    assert shape.badly_named(source("", "deploy/local/src/local_stack/services.py")) == []


@pytest.mark.parametrize(
    "text",
    [
        "import os\nos.environ['PORT']",
        "import os\ndef f():\n  return os.getenv('PORT')",
        "from os import environ",
        "from os import getenv as g",
        "from pydantic_settings import BaseSettings",
        "import pydantic_settings\nclass S(pydantic_settings.BaseSettings): ...",
    ],
)
def test_a_reader_of_the_environment_is_found(text: str) -> None:
    assert len(shape.environment_readers(source(text))) == 1


def test_settings_may_read_the_environment() -> None:
    text = "import os\nfrom pydantic_settings import BaseSettings\nos.environ['PORT']"

    assert shape.environment_readers(source(text, "deploy/local/src/local_stack/settings.py")) == []


def test_a_print_is_found() -> None:
    assert len(shape.printers(source("def f():\n  print('done')\n  log.print('fine')"))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "from fastapi import HTTPException",
        "import fastapi\nraise fastapi.HTTPException",
        "TEAPOT = ProblemType('teapot', status, 'short and stout')",
        "Response(b'', 404)",
        "JSONResponse({}, status_code=503)",
    ],
)
def test_a_decider_of_an_error_status_is_found(text: str) -> None:
    assert len(shape.status_deciders(source(text))) == 1


@pytest.mark.parametrize("text", ["Response(b'', 204)", "raise Problem(TASK_NOT_FOUND, 'none')", "f(404)"])
def test_an_answer_that_is_no_error_passes(text: str) -> None:
    assert shape.status_deciders(source(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "asyncio.create_task(work())",
        "start = asyncio.ensure_future",
        "loop.create_task(work())",
        "asyncio.get_running_loop().create_task(work())",
        "asyncio.Task(work(), eager_start=True)",
        "async def f():\n    async with asyncio.TaskGroup() as tasks: pass",
        "from asyncio import create_task as go",
        "from common.runtime import eager_tasks",
        "from common.runtime.eager_tasks import start",
        "threading.Thread(target=work).start()",
    ],
)
def test_a_starter_of_a_task_is_found(text: str) -> None:
    assert len(shape.task_starters(source(text))) == 1


@pytest.mark.parametrize("text", ["x: set[asyncio.Task[None]]", "add(writes.create_task)", "def create_task(): ..."])
def test_what_only_sounds_like_a_starter_passes(text: str) -> None:
    assert shape.task_starters(source(text)) == []


@pytest.mark.parametrize("text", ["QUEUE = 'tasks.commands'", "f(f'tasks.commands.{n}')", "f(x='to tasks.commands')"])
def test_a_queue_name_is_found(text: str) -> None:
    assert len(shape.queue_names(source(text), ["tasks.commands", "tasks.dead-letters"])) == 1


def test_a_queue_name_in_a_docstring_passes() -> None:
    assert (
        shape.queue_names(source('"""Reads tasks.commands."""\ndef f():\n  "tasks.commands"'), ["tasks.commands"]) == []
    )


@pytest.mark.parametrize(
    "user", ["from gateway.reads import f", "from gateway import reads\nreads.f()", "import gateway.reads as r\nr.f()"]
)
@pytest.mark.parametrize("definition", ["def f(): ...", "async def f(): ...", "class f: ..."])
def test_an_imported_definition_without_a_docstring_is_found(definition: str, user: str) -> None:
    importer = source(user, "services/gateway/src/gateway/app.py")

    assert len(shape.undocumented([source(definition)], [importer])) == 1


@pytest.mark.parametrize("definition", ["def f():\n  'What it does.'", "def g(): ...", "def _f(): ..."])
def test_what_is_documented_or_not_imported_passes(definition: str) -> None:
    importer = source("from gateway.reads import f, _f", "services/gateway/src/gateway/app.py")

    assert shape.undocumented([source(definition)], [importer]) == []


@pytest.mark.parametrize("text", ["", "import os", '"""One line."""', "# comment"])
def test_a_folder_that_says_too_little_is_found(text: str) -> None:
    assert shape.folders_without_a_word([source(text, "tests/more/__init__.py")]) == ["tests/more/__init__.py"]


def test_a_folder_that_says_what_it_proves_is_not_found() -> None:
    said = source('"""What it proves.\n\nHow, and on what.\n"""', "tests/more/__init__.py")

    assert shape.folders_without_a_word([said, source("import os", "tests/more/test_more.py")]) == []

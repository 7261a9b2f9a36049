"""The rules for sizes, names, docstrings, and facts that belong in one place."""

import ast
import re
from collections.abc import Iterable, Iterator

from . import imports
from .sources import FUNCTIONS_AND_CLASSES, Source, definitions, root, texts

MAX_MODULE_LINES = 250
MAX_FUNCTION_LINES = 60
MAX_PARAMETERS = 5
NAMES_THAT_SAY_NOTHING = {"util", "utils", "helper", "helpers", "manager", "managers", "base", "service", "misc"}
STARTERS = {"create_task", "ensure_future", "Task", "TaskGroup", "run_coroutine_threadsafe", "Thread"}
ERROR_STATUS = re.compile(r"[45]\d\d")


def long_modules(source: Source) -> list[str]:
    """The module, when it is longer than one idea needs."""
    lines = len(source.text.splitlines())
    return [f"{source.path}: {lines} lines"] if lines > MAX_MODULE_LINES else []


def large_functions(source: Source) -> list[str]:
    """Functions that are longer, or take more, than one can hold in mind."""
    faults = []
    methods = set(_methods(source.tree))
    for function in definitions(source.tree):
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        if length > MAX_FUNCTION_LINES:
            faults.append(source.at(function, f"{function.name} has {length} lines"))
        count = len(_parameters(function)) - (function in methods)
        if count > MAX_PARAMETERS:
            faults.append(source.at(function, f"{function.name} takes {count} parameters"))
    return faults


def _methods(tree: ast.Module) -> Iterator[ast.AST]:
    """Functions whose first parameter is the object or the class."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for child in node.body:
                decorators = {getattr(name, "id", "") for name in getattr(child, "decorator_list", ())}
                if "staticmethod" not in decorators:
                    yield child


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.arg]:
    given = function.args
    rest = [arg for arg in (given.vararg, given.kwarg) if arg is not None]
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *rest]


def badly_named(source: Source) -> list[str]:
    """Modules and packages whose name says what layer they are and not what they do."""
    parts = source.module.split(".")
    return [f"{source.path}: {part} says nothing" for part in parts if part in NAMES_THAT_SAY_NOTHING]


def folders_without_a_word(all_sources: Iterable[Source]) -> list[str]:
    """Folders of tests that do not open with a paragraph on what they prove."""
    packages = [source for source in all_sources if source.name == "__init__.py"]
    return [source.path for source in packages if "\n\n" not in (ast.get_docstring(source.tree) or "")]


def environment_readers(source: Source) -> list[str]:
    """Whatever reads the environment outside of a settings.py."""
    if source.name == "settings.py":
        return []
    reading = {"environ", "environb", "getenv", "getenvb", "BaseSettings", "load_dotenv", "dotenv_values"}
    faults = [source.at(node, name) for node, name in imports.imported(source) if name.rpartition(".")[2] in reading]
    accessed = (node for node in source.nodes if isinstance(node, ast.Attribute) and node.attr in reading)
    return faults + [source.at(node, node.attr) for node in accessed]


def printers(source: Source) -> list[str]:
    """Calls of print: what a service has to say goes to the log."""
    calls = (node for node in source.nodes if isinstance(node, ast.Call))
    return [source.at(call, "print") for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]


def status_deciders(source: Source) -> list[str]:
    """Whatever decides the HTTP status of an error; only common/http/problems.py may."""
    forbidden = {"HTTPException", "ProblemType"}
    faults = []
    for node in source.nodes:
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            values = [*node.args, *(keyword.value for keyword in node.keywords)]
            status = any(ERROR_STATUS.fullmatch(ast.unparse(value)) for value in values)
            if called in forbidden or (called.endswith("Response") and status):
                faults.append(source.at(node, f"{called} decides a status"))
        elif isinstance(node, ast.Attribute | ast.Name | ast.alias):
            name = getattr(node, "attr", None) or getattr(node, "id", None) or getattr(node, "name", None)
            if name == "HTTPException":
                faults.append(source.at(node, "HTTPException decides a status"))
    return faults


def task_starters(source: Source) -> list[str]:
    """Calls that start a task or a thread, and names by which they could be called."""
    faults = [
        source.at(node, f"{name} starts a task")
        for node, name in imports.imported(source)
        if name in {"common.runtime.eager_tasks", "common.runtime.eager_tasks.start"}
        or (name.startswith(("asyncio.", "threading.")) and name.rpartition(".")[2] in STARTERS)
    ]
    for node in source.nodes:
        if (
            isinstance(node, ast.Attribute)
            and node.attr in STARTERS - {"Task"}
            and ast.unparse(node.value) == "asyncio"
        ):
            faults.append(source.at(node, f"{node.attr} starts a task"))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name, owner = node.func.attr, ast.unparse(node.func.value)
            if (name in STARTERS and owner != "asyncio") or (owner, name) == ("asyncio", "Task"):
                faults.append(source.at(node, f"{name} starts a task"))
    return faults


def queue_names(source: Source, names: Iterable[str]) -> list[str]:
    """Strings that contain one of the queues' names."""
    known = tuple(names)
    return [
        source.at(text, repr(text.value)) for text in texts(source) if any(name in str(text.value) for name in known)
    ]


def undocumented(all_sources: Iterable[Source], importers: Iterable[Source]) -> list[str]:
    """Public functions and classes that another module imports, and that do not say what they are."""
    used = {name for source in importers for name in _names_used_of_others(source)}
    return [
        source.at(node, f"{node.name} has no docstring")
        for source in all_sources
        for node in source.tree.body
        if isinstance(node, FUNCTIONS_AND_CLASSES) and f"{source.module}.{node.name}" in used
        if not node.name.startswith("_") and ast.get_docstring(node) is None
    ]


def _names_used_of_others(source: Source) -> Iterator[str]:
    """Imported names in full, also those that are reached through an imported module."""
    modules = dict(imports.local_names(source))
    roots = {name.partition(".")[0] for name in modules}
    yield from modules.values()
    for node in source.nodes:
        if isinstance(node, ast.Attribute) and root(node) in roots:
            module = modules.get(ast.unparse(node.value))
            if module is not None:
                yield f"{module}.{node.attr}"

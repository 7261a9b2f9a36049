"""Writes configuration.md: the settings of all programs as tables, from the classes that read them."""

import json
from typing import Any

from gateway.settings import GatewaySettings
from local_stack.settings import StackSettings
from pydantic_settings import BaseSettings
from task_reader.settings import ReaderSettings
from task_writer.settings import MigrationSettings, WriterSettings

PROGRAMS: dict[str, tuple[type[BaseSettings], str]] = {
    "gateway": (GatewaySettings, "The HTTP API. Limits hold per process."),
    "task-reader": (ReaderSettings, "Answers the gateways' reads from PostgreSQL."),
    "task-writer": (WriterSettings, "Carries out commands in PostgreSQL."),
    "task-writer migrate": (
        MigrationSettings,
        "Run it before the services of a release start; it creates the roles of writer and reader too.",
    ),
    "make run": (
        StackSettings,
        "It reads these itself, and passes all other variables on to the services, for which it sets `LOG_FORMAT=text` "
        "and `HOME_PAGE=true` unless they are set.",
    ),
}

FORMATS = {"uri": "address", "path": "path", "file-path": "path", "password": "secret"}

HEAD = """\
# Configuration

<!-- Written by `make contracts` from the settings classes: change those. -->

Each service reads its settings from the environment at start. If any are missing or wrong, it lists them all and exits
with status 2. An empty variable counts as unset. No secret and no server's address has a default. `.env.example` has
all of them to copy.

In containers, optional variables go into `.env`; on Kubernetes into a ConfigMap
([operations](configure.md)).
"""


def configuration_page() -> str:
    """The page as Markdown. The same settings always give the same text."""
    return "\n".join([HEAD, *(_section(name, *program) for name, program in PROGRAMS.items())])


def _section(name: str, settings: type[BaseSettings], about: str) -> str:
    """Required variables first, otherwise in the order of the classes."""
    schema = settings.model_json_schema()
    fields = sorted(settings.model_fields.items(), key=lambda field: not field[1].is_required())
    rows = [_row(field, schema) for field, _ in fields]
    head = ["| variable | default | allowed | meaning |", "|---|---|---|---|"]
    return "\n".join([f"## {name}", "", about, "", *head, *rows, ""])


def _row(name: str, schema: dict[str, Any]) -> str:
    described = schema["properties"][name]
    default = "required" if name in schema.get("required", ()) else _shown(described.get("default"))
    return f"| `{name.upper()}` | {default} | {_allowed(described, schema)} | {described['description']} |"


def _shown(default: object) -> str:
    return "unset" if default is None else f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _allowed(described: dict[str, Any], schema: dict[str, Any]) -> str:
    """What a value may be, as far as JSON Schema can say it: validators check more, such as an address's scheme."""
    if "$ref" in described:
        described = schema["$defs"][described["$ref"].rpartition("/")[2]] | described
    for one in described.get("anyOf", ()):
        if one.get("type") != "null":
            return _allowed(one, schema)
    if "enum" in described:
        return ", ".join(f"`{value}`" for value in described["enum"])
    match described.get("type"):
        case "boolean":
            return "`true`, `false`"
        case "integer" | "number":
            return _range(described)
        case "array":
            return "JSON list"
    return FORMATS.get(described.get("format", ""), "text")


def _range(described: dict[str, Any]) -> str:
    most = _number(described["maximum"])
    if "exclusiveMinimum" in described:
        return f"more than {_number(described['exclusiveMinimum'])}, up to {most}"
    return f"{_number(described['minimum'])} to {most}"


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else str(value)

"""The settings of all programs, as the texts describe them."""

import json

from common.settings import ServiceSettings
from gateway.settings import GatewaySettings
from local_stack.settings import StackSettings
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python
from pydantic_settings import BaseSettings
from task_reader.settings import ReaderSettings
from task_writer.settings import MigrationSettings, WriterSettings

SETTINGS: dict[str, type[BaseSettings]] = {
    "## gateway": GatewaySettings,
    "## task-reader": ReaderSettings,
    "## task-writer": WriterSettings,
    "## task-writer migrate": MigrationSettings,
    "## make run": StackSettings,
}
SERVICES: list[type[ServiceSettings]] = [GatewaySettings, ReaderSettings, WriterSettings, MigrationSettings]


def cells(name: str, field: FieldInfo) -> list[str]:
    """The variable, its default and its meaning, as docs/configuration.md has them."""
    default = to_jsonable_python(field.default) if not field.is_required() else None
    shown = "unset" if default is None else f"`{default if isinstance(default, str) else json.dumps(default)}`"
    return [f"`{name.upper()}`", "required" if field.is_required() else shown, field.description or ""]


def required(settings: type[BaseSettings]) -> set[str]:
    """The variables without a default."""
    return {name.upper() for name, field in settings.model_fields.items() if field.is_required()}

"""Commands as the gateway would make them, for tests that need one."""

import time
from typing import Any
from uuid import UUID, uuid4

from common.contracts.commands import Command, CreateTask, DeleteTask, PatchTask, ReplaceTask, ToggleTask
from common.contracts.fields import TaskChanges


def new_id() -> UUID:
    """An id such as a gateway makes: a UUIDv7 (RFC 9562), which begins with the milliseconds since 1970. This module is
    of no service, so it takes no function of the gateway."""
    return _dated(time.time_ns() // 1_000_000)


def id_of_age(age_s: float) -> UUID:
    """An id such as a gateway made so many seconds ago."""
    return _dated(time.time_ns() // 1_000_000 - int(age_s * 1000))


def id_of_key() -> UUID:
    """An id such as a gateway derives from a key that nobody has used."""
    return UUID(int=uuid4().int & ~(0xF << 76) | 8 << 76)  # a UUIDv8


def _dated(made_ms: int) -> UUID:
    return UUID(int=made_ms << 80 | uuid4().int & ~(0xF << 76) & (1 << 80) - 1 | 7 << 76)


def envelope(
    user_id: UUID | None = None, *, command_id: UUID | None = None, expires_in_s: float = 10.0
) -> dict[str, Any]:
    """The fields that every command has; a fresh user and command unless they are given."""
    return {
        "command_id": command_id or new_id(),
        "user_id": user_id or uuid4(),
        "deadline_unix_ms": int((time.time() + expires_in_s) * 1000),
    }


def create(
    user_id: UUID | None = None, *, title: str = "Buy milk", task_id: UUID | None = None, **more: Any
) -> CreateTask:
    return CreateTask(**envelope(user_id, **more), task_id=task_id or uuid4(), title=title)


def replace(user_id: UUID, task_id: UUID, *, title: str = "Buy bread", **more: Any) -> ReplaceTask:
    return ReplaceTask(**envelope(user_id, **more), task_id=task_id, title=title)


def patch(user_id: UUID, task_id: UUID, *, changes: TaskChanges | None = None, **more: Any) -> PatchTask:
    wanted = TaskChanges(title="Buy bread") if changes is None else changes
    return PatchTask(**envelope(user_id, **more), task_id=task_id, changes=wanted)


def toggle(user_id: UUID, task_id: UUID, *, is_completed: bool | None = None, **more: Any) -> ToggleTask:
    return ToggleTask(**envelope(user_id, **more), task_id=task_id, is_completed=is_completed)


def delete(user_id: UUID, task_id: UUID, **more: Any) -> DeleteTask:
    return DeleteTask(**envelope(user_id, **more), task_id=task_id)


def plain(command: Command) -> Any:
    """The command as a gateway has it until it is written: plain values, without the fields that are left out."""
    return command.model_dump(mode="json")


def keyed[OneCommand: Command](command: OneCommand, command_id: UUID | None = None) -> OneCommand:
    """The command as one whose id was derived from a client's key; a repeat is made by giving the id of the first."""
    return command.model_copy(update={"keyed": True, "command_id": command_id or command.command_id})

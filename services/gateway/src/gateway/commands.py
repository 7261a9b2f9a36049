"""The commands of `common.contracts.commands` as the plain values that this gateway writes.

As for reads (gateway/reading.py): each value was checked where the request was read, and the task-writer checks what it
gets. The contract's models would check once more, and take 6 µs for each command to make and to write; these take less
than one.
"""

import time
from collections.abc import Sequence
from typing import Literal, NotRequired, TypedDict

from common.contracts.commands import KeyedList, Precondition
from common.contracts.fields import TaskChanges
from pydantic_core import to_json


class Envelope(TypedDict):
    """The fields that all commands share. Ids are text, in lower case; what may be left out is, when it is not set."""

    command_id: str
    user_id: str
    deadline_unix_ms: int
    request_id: str
    traceparent: NotRequired[str]
    keyed: NotRequired[bool]
    precondition: NotRequired[Precondition]
    keyed_list: NotRequired[KeyedList]


class TaskValues(TypedDict):
    """The fields of a task that a client sets, all of them."""

    title: str
    description: str | None
    is_completed: bool


class CreateTask(Envelope, TaskValues):
    """Adds a task."""

    type: Literal["create_task"]
    task_id: str


class ReplaceTask(Envelope, TaskValues):
    """Replaces a task."""

    type: Literal["replace_task"]
    task_id: str


class PatchTask(Envelope):
    """Changes some fields of a task."""

    type: Literal["patch_task"]
    task_id: str
    changes: TaskChanges


class DeleteTask(Envelope):
    """Removes a task."""

    type: Literal["delete_task"]
    task_id: str


class ToggleTask(Envelope):
    """Flips a task's completion, or sets it."""

    type: Literal["toggle_task"]
    task_id: str
    is_completed: bool | None


type AnyCommand = CreateTask | ReplaceTask | PatchTask | DeleteTask | ToggleTask


def seconds_left(command: AnyCommand) -> float:
    """Time until the deadline; zero or less once it has passed."""
    return command["deadline_unix_ms"] / 1000 - time.time()


def encode_commands(commands: Sequence[AnyCommand]) -> bytes:
    """The message that `common.contracts.commands.CommandBatch` describes."""
    return to_json({"commands": commands})

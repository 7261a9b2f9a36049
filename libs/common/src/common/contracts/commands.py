"""The commands that gateways send to the task-writers."""

import time
from operator import not_
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, WithJsonSchema

from common.contracts.fields import TaskChanges, TaskFields
from common.contracts.message import Message, Operation, is_absent

SENT_HEADER = "x-sent-unix-ms"  # when a command message was sent, in milliseconds since 1970
LAST_DEADLINE_UNIX_MS = (
    32_503_680_000_000  # the year 3000; a value beyond the range of a float would break the arithmetic
)

# The schema stays without bounds, as in release 1: no gateway has ever written a number beyond them.
Deadline = Annotated[int, Field(ge=0, le=LAST_DEADLINE_UNIX_MS), WithJsonSchema({"type": "integer"})]


class Precondition(Message):
    """What must hold of the current revision for a command to be carried out (RFC 9110, section 13.1).

    `if_match`: it is one of these; an empty list never holds. `if_none_match`: it is none of these. Null holds.

    The revision is the task's or, for a creation, the user's. Where there is no such task the outcome is `not_found`,
    whatever the precondition.
    """

    if_match: list[int] | None = Field(default=None, exclude_if=is_absent)
    if_none_match: list[int] | None = Field(default=None, exclude_if=is_absent)


class KeyedList(Message):
    """The list of commands that one request asks for under one key: all of it or nothing is that request.

    `first` is the id of its first command, `fingerprint` (common.contracts.fingerprints) that of the whole list. A
    command of the list is carried out only where its first command is recorded with the same fingerprint.
    """

    first: UUID
    fingerprint: str = Field(pattern=r"^[0-9a-f]{32}$")


class Command(Operation):
    """A request to change one user's tasks. It takes effect at most once, and never after its deadline.

    `deadline_unix_ms` is wall-clock time in milliseconds since 1970, up to the year 3000: the hosts' clocks must agree
    to well under the write deadline, which NTP gives.

    `keyed`: `command_id` is derived from the client's Idempotency-Key, so an earlier message may hold a command with
    the same id that asks for something else. See ADR 7. The field is written only when true, so that a command without
    a key keeps the format from before there were keys.

    `precondition` is part of what the command asks for, and written only when the client has sent one. Task-writers of
    a release that does not know it would ignore it: they are replaced before the gateways.

    `keyed_list`: the command is one of several under one key. Written only then; as for a precondition.
    """

    command_id: UUID
    user_id: UUID
    deadline_unix_ms: Deadline
    keyed: bool = Field(default=False, exclude_if=not_)
    precondition: Precondition | None = Field(default=None, exclude_if=is_absent)
    keyed_list: KeyedList | None = Field(default=None, exclude_if=is_absent)

    def seconds_left(self) -> float:
        """Time until the deadline; zero or less once it has passed."""
        return self.deadline_unix_ms / 1000 - time.time()


class CreateTask(TaskFields, Command):
    """Adds a task. The gateway chooses `task_id`, so that a repeated delivery creates the same task.

    The client does not choose it, so it does not count when two commands with one key are compared.
    """

    type: Literal["create_task"] = "create_task"
    task_id: UUID


class ReplaceTask(TaskFields, Command):
    """Replaces a task's title, description and completion; its id, owner and creation time stay."""

    type: Literal["replace_task"] = "replace_task"
    task_id: UUID


class PatchTask(Command):
    """Sets those of a task's fields that `changes` has; the others stay. A patch that changes nothing is `done`."""

    type: Literal["patch_task"] = "patch_task"
    task_id: UUID
    changes: TaskChanges


class DeleteTask(Command):
    """Removes a task."""

    type: Literal["delete_task"] = "delete_task"
    task_id: UUID


class ToggleTask(Command):
    """Flips a task's completion, or sets it when `is_completed` is given. A repeat changes nothing."""

    type: Literal["toggle_task"] = "toggle_task"
    task_id: UUID
    is_completed: bool | None = None


type AnyCommand = CreateTask | ReplaceTask | PatchTask | DeleteTask | ToggleTask


class CommandBatch(Message):
    """The commands that were waiting in one gateway at one moment, in order of arrival."""

    commands: list[Annotated[AnyCommand, Field(discriminator="type")]] = Field(min_length=1)

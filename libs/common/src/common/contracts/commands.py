"""The commands that gateways send to the task-writers."""

import time
from operator import not_
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, WithJsonSchema

from common.contracts.fields import TaskFields
from common.contracts.message import Message, Operation

SENT_HEADER = "x-sent-unix-ms"  # of a message with commands: when it left, in milliseconds since 1970
LAST_DEADLINE_UNIX_MS = 32_503_680_000_000  # the year 3000; what is beyond a float would break the arithmetic

# The schema stays that of release 1, which had no bounds: no gateway has ever written a number beyond them.
Deadline = Annotated[int, Field(ge=0, le=LAST_DEADLINE_UNIX_MS), WithJsonSchema({"type": "integer"})]


class Command(Operation):
    """A wish to change one user's tasks. It takes effect at most once, and never once its deadline has passed.

    `deadline_unix_ms` is wall-clock time in milliseconds since 1970, up to the year 3000: the hosts' clocks must agree
    to well under the write deadline, which NTP gives.

    `keyed`: the client named its request with an Idempotency-Key, and `command_id` was derived from that: a command of
    the same id may have come before, in another message and with another wish. See ADR 7. It is written when true
    alone, so that a command without a key is spelled as it was before there were keys.
    """

    command_id: UUID
    user_id: UUID
    deadline_unix_ms: Deadline
    keyed: bool = Field(default=False, exclude_if=not_)

    def seconds_left(self) -> float:
        """Time until the deadline; zero or less once it has passed."""
        return self.deadline_unix_ms / 1000 - time.time()


class CreateTask(TaskFields, Command):
    """Adds a task. The gateway chooses `task_id`, so that a repeated delivery creates the same task.

    The client has no say in it: two commands of one key ask for the same also when their `task_id` differ.
    """

    type: Literal["create_task"] = "create_task"
    task_id: UUID


class ReplaceTask(TaskFields, Command):
    """Gives a task a new title, description and completion; its id, owner and time of creation stay."""

    type: Literal["replace_task"] = "replace_task"
    task_id: UUID


class DeleteTask(Command):
    """Removes a task."""

    type: Literal["delete_task"] = "delete_task"
    task_id: UUID


class ToggleTask(Command):
    """Flips a task's completion, or sets it when `is_completed` is given. A repeat changes nothing."""

    type: Literal["toggle_task"] = "toggle_task"
    task_id: UUID
    is_completed: bool | None = None


type AnyCommand = CreateTask | ReplaceTask | DeleteTask | ToggleTask


class CommandBatch(Message):
    """The commands that one gateway had waiting at one moment, in their order of arrival."""

    commands: list[Annotated[AnyCommand, Field(discriminator="type")]] = Field(min_length=1)

"""Every message that crosses a service boundary, and the rules for the text of a task.

The wire format is JSON. A reader ignores fields it does not know, so a field may be added; it is never renamed or
retyped. A breaking change is a new `type`.
"""

import time
from operator import not_
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from common.invisible import INVISIBLE_CLASS, is_blank
from common.request_ids import MAX_CHARACTERS as MAX_REQUEST_ID_CHARACTERS

TITLE_MAX_CHARACTERS = 255
DESCRIPTION_MAX_CHARACTERS = 2000
SENT_HEADER = "x-sent-unix-ms"  # of a message with commands: when it left, in milliseconds since 1970
LAST_DEADLINE_UNIX_MS = 32_503_680_000_000  # the year 3000; what is beyond a float would break the arithmetic
MAX_READS_PER_BATCH = 1024  # bounds what one request can ask of a reader


def _storable(text: str) -> str:
    """PostgreSQL's text holds every character but U+0000 (https://www.postgresql.org/docs/current/datatype-character.html)."""
    if "\x00" in text:
        raise PydanticCustomError("unstorable_text", "Text must not contain U+0000")
    return text


def _is_absent(value: object) -> bool:
    return value is None


def _not_blank(text: str) -> str:
    if is_blank(text):
        raise PydanticCustomError("blank_text", "Text must not be blank")
    return text


# The same rules for tools that read the schemas (ECMA-262, with the flag u as JSON Schema advises).
STORABLE_PATTERN = r"^[^\u0000]*$"
TITLE_PATTERN = rf"^[^\u0000]*[^\u0000{INVISIBLE_CLASS}][^\u0000]*$"

Title = Annotated[
    str,
    StringConstraints(min_length=1, max_length=TITLE_MAX_CHARACTERS),
    AfterValidator(_storable),
    AfterValidator(_not_blank),
    Field(json_schema_extra={"pattern": TITLE_PATTERN}),
]
Description = Annotated[
    str,
    StringConstraints(max_length=DESCRIPTION_MAX_CHARACTERS),
    AfterValidator(_storable),
    Field(json_schema_extra={"pattern": STORABLE_PATTERN}),
]

# The schema stays that of release 1, which had no bounds: no gateway has ever written a number beyond them.
Deadline = Annotated[int, Field(ge=0, le=LAST_DEADLINE_UNIX_MS), WithJsonSchema({"type": "integer"})]


class Message(BaseModel):
    """Frozen data on the bus; unknown fields are ignored so that releases can differ by one."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Wish(Message):
    """What one request of a client asks for. `request_id` is that request's name, for logs, and `traceparent` its place
    in a trace (https://www.w3.org/TR/trace-context/): no part of the wish, and left out where there is none."""

    request_id: str | None = Field(default=None, exclude_if=_is_absent)
    traceparent: str | None = Field(default=None, exclude_if=_is_absent)


class Command(Wish):
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


class CreateTask(Command):
    """Adds a task. The gateway chooses `task_id`, so that a repeated delivery creates the same task.

    The client has no say in it: two commands of one key ask for the same also when their `task_id` differ.
    """

    type: Literal["create_task"] = "create_task"
    task_id: UUID
    title: Title
    description: Description | None = None
    is_completed: bool = False


class ReplaceTask(Command):
    """Gives a task a new title, description and completion; its id, owner and time of creation stay."""

    type: Literal["replace_task"] = "replace_task"
    task_id: UUID
    title: Title
    description: Description | None = None
    is_completed: bool = False


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


class Outcome(Message):
    """The answer to one command.

    `done` and `not_found`: PostgreSQL has committed the command and its record.
    `expired` and `refused`: certainly nothing was done, now or later.
    `unknown`: it may or may not have been done; the same command_id may be sent again safely.
    `key_reused`: nothing was done for this command; another wish has the record of its command_id. Only with a key.

    `task` is the task after the command, as the JSON text that PostgreSQL wrote; null where no task is left.
    `reason` tells people why nothing was done.
    `replayed`: status and task are those that were recorded before. Only with a key.
    """

    status: Literal["done", "not_found", "expired", "refused", "unknown", "key_reused"]
    task: str | None = None
    reason: str | None = None
    replayed: bool = False


class OutcomeBatch(Message):
    """The answers to one CommandBatch: `outcomes[i]` answers `commands[i]`."""

    outcomes: list[Outcome]


class Read(Wish):
    """A wish to see one task of a user, or all of them when `task_id` is null."""

    user_id: UUID
    task_id: UUID | None = None


class ReadBatch(Message):
    """The reads that one gateway had waiting at one moment; the answer is framed as common.framing says."""

    reads: list[Read] = Field(min_length=1, max_length=MAX_READS_PER_BATCH)


def _largest_read_bytes() -> int:
    """Of a read whose every member is as long as it may be; a quotation mark is two bytes in JSON."""
    nobody = UUID(int=0)
    traceparent = f"00-{0:032x}-{0:016x}-01"  # as a service writes it: W3C Trace Context, version 00
    largest = Read(user_id=nobody, task_id=nobody, request_id='"' * MAX_REQUEST_ID_CHARACTERS, traceparent=traceparent)
    return len(largest.model_dump_json())


MAX_READ_BYTES = _largest_read_bytes() + len(",")
"""Of one read in a batch, as JSON without spaces."""

"""Release 1 as it stood: the messages that it wrote, letter for letter, and the models by which it read them.

Nothing here follows the code of today; what it says is out there, in queues and in processes that are still running.
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

COMMANDS = {
    "create": """{"commands":[{"command_id":"0192f0c1-7c5e-4d5a-9d2b-1f6a3c9b7e01","user_id":"7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11","deadline_unix_ms":4102444800123,"type":"create_task","task_id":"c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33","title":"Buy \\"milk\\" ☕","description":"2 litres","is_completed":false}]}""",  # noqa: E501
    "replace": """{"commands":[{"command_id":"0192f0c1-7c5e-4d5a-9d2b-1f6a3c9b7e02","user_id":"7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11","deadline_unix_ms":4102444800123,"type":"replace_task","task_id":"c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33","title":"Buy bread","description":null,"is_completed":true}]}""",  # noqa: E501
    "flip": """{"commands":[{"command_id":"0192f0c1-7c5e-4d5a-9d2b-1f6a3c9b7e03","user_id":"7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11","deadline_unix_ms":4102444800123,"type":"toggle_task","task_id":"c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33","is_completed":null}]}""",  # noqa: E501
    "set": """{"commands":[{"command_id":"0192f0c1-7c5e-4d5a-9d2b-1f6a3c9b7e04","user_id":"7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11","deadline_unix_ms":4102444800123,"type":"toggle_task","task_id":"c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33","is_completed":true}]}""",  # noqa: E501
    "delete": """{"commands":[{"command_id":"0192f0c1-7c5e-4d5a-9d2b-1f6a3c9b7e05","user_id":"7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11","deadline_unix_ms":4102444800123,"type":"delete_task","task_id":"c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33"}]}""",  # noqa: E501
    "two": """{"commands":[{"command_id":"0192f0c1-7c5e-4d5a-9d2b-1f6a3c9b7e06","user_id":"7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11","deadline_unix_ms":4102444800123,"type":"delete_task","task_id":"c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33"},{"command_id":"0192f0c1-7c5e-4d5a-9d2b-1f6a3c9b7e07","user_id":"4d0c2a9b-8e37-4b16-a1f5-92c6e07d3b58","deadline_unix_ms":4102444800124,"type":"toggle_task","task_id":"c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33","is_completed":false}]}""",  # noqa: E501
}
OUTCOMES = {
    "a task": r"""{"outcomes":[{"status":"done","task":"{\"id\":\"c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33\"}"}]}""",
    "deleted": """{"outcomes":[{"status":"done"}]}""",
    "not found": """{"outcomes":[{"status":"not_found"}]}""",
    "expired": """{"outcomes":[{"status":"expired","reason":"The deadline had passed."}]}""",
    "refused": """{"outcomes":[{"status":"refused","reason":"The database refused or did not answer."}]}""",
    "unknown": """{"outcomes":[{"status":"unknown","reason":"The database connection broke."}]}""",
    "several": """{"outcomes":[{"status":"done","task":"{}"},{"status":"not_found"},{"status":"done"}]}""",
}
READS = {
    "list": """{"reads":[{"user_id":"7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11","task_id":null}]}""",
    "find": """{"reads":[{"user_id":"7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11","task_id":"c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33"}]}""",  # noqa: E501
    "both": """{"reads":[{"user_id":"7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11","task_id":null},{"user_id":"4d0c2a9b-8e37-4b16-a1f5-92c6e07d3b58","task_id":"c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33"}]}""",  # noqa: E501
}
FRAMES = b'\x00\x00\x00\x02[]\xff\xff\xff\xff\x00\x00\x00\x08{"id":1}\x00\x00\x00\x00'
"""The answer to four reads: no tasks, no such task, one task, and an empty body."""


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("U+0000")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("blank")
    return text


Title = Annotated[
    str, StringConstraints(min_length=1, max_length=255), AfterValidator(_storable), AfterValidator(_not_blank)
]
Description = Annotated[str, StringConstraints(max_length=2000), AfterValidator(_storable)]


class Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Command(Message):
    command_id: UUID
    user_id: UUID
    deadline_unix_ms: int


class CreateTask(Command):
    type: Literal["create_task"] = "create_task"
    task_id: UUID
    title: Title
    description: Description | None = None
    is_completed: bool = False


class ReplaceTask(Command):
    type: Literal["replace_task"] = "replace_task"
    task_id: UUID
    title: Title
    description: Description | None = None
    is_completed: bool = False


class DeleteTask(Command):
    type: Literal["delete_task"] = "delete_task"
    task_id: UUID


class ToggleTask(Command):
    type: Literal["toggle_task"] = "toggle_task"
    task_id: UUID
    is_completed: bool | None = None


class CommandBatch(Message):
    commands: list[Annotated[CreateTask | ReplaceTask | DeleteTask | ToggleTask, Field(discriminator="type")]] = Field(
        min_length=1
    )


class Outcome(Message):
    status: Literal["done", "not_found", "expired", "refused", "unknown"]
    task: str | None = None
    reason: str | None = None


class OutcomeBatch(Message):
    outcomes: list[Outcome]


class Read(Message):
    user_id: UUID
    task_id: UUID | None = None


class ReadBatch(Message):
    reads: list[Read] = Field(min_length=1, max_length=1024)

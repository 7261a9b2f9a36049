"""What a file of tasks has of each: what can be created anew. Ids and times belong to the server."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from taskwire_client.operations import Operation
from taskwire_client.tasks import Task


class InvalidFile(ValueError):
    """The file is not of its format, or a task in it is not complete."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A task that is to be created."""

    title: str
    description: str | None = None
    is_completed: bool = False

    @classmethod
    def of(cls, task: Task) -> "Draft":
        """What of the task can be created anew."""
        return cls(task.title, task.description, task.is_completed)

    def operation(self) -> Operation:
        """Its creation."""
        return Operation.create(self.title, description=self.description, is_completed=self.is_completed)


def checked(number: int, members: Mapping[str, Any]) -> Draft:
    """The draft with these members, which is the nth of its file. InvalidFile where one has not its type."""
    title, description = members.get("title"), members.get("description")
    is_completed = members.get("is_completed", False)
    if not isinstance(title, str):
        raise InvalidFile(f"task {number} has no title")
    if not isinstance(description, str | None):
        raise InvalidFile(f"task {number}: its description is not text")
    if not isinstance(is_completed, bool):
        raise InvalidFile(f"task {number}: is_completed is neither true nor false")
    return Draft(title, description, is_completed)

"""What the API shows, as frozen dataclasses.

Not pydantic: the contract is small, the gateway has validated what it answers, and a library that brings no compiled
dependency fits beside whatever version of pydantic its user has. Unknown members are ignored, so that an older client
works with a newer gateway.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypedDict
from uuid import UUID

from taskwire_client.problems import Problem, problem_of

type Id = UUID | str
type Order = Literal["-created_at", "created_at", "title", "-title"]


class Details(TypedDict, total=False):
    """The fields of a task other than its title."""

    description: str | None
    is_completed: bool


class Fields(Details, total=False):
    """The fields of a task that can be changed; one that is left out stays as it is."""

    title: str


class Filters(TypedDict, total=False):
    """Which tasks a list has, and in which order: newest first by default. Times need an offset and are exclusive."""

    order: Order
    is_completed: bool
    created_after: datetime
    created_before: datetime
    q: str


@dataclass(frozen=True, slots=True)
class Task:
    """A task as an answer showed it.

    `etag` stands for this state of the task, for writes with `if_unchanged`. Lists and changes have none for each task:
    there it is None.
    """

    id: UUID
    title: str
    description: str | None
    is_completed: bool
    created_at: datetime
    user_id: UUID
    etag: str | None = field(default=None, compare=False)

    @classmethod
    def from_json(cls, members: Mapping[str, Any], etag: str | None = None) -> "Task":
        """The task with these members. KeyError, TypeError or ValueError where one is missing or wrong."""
        return cls(
            id=UUID(members["id"]),
            title=members["title"],
            description=members["description"],
            is_completed=members["is_completed"],
            created_at=datetime.fromisoformat(members["created_at"]),
            user_id=UUID(members["user_id"]),
            etag=etag,
        )

    def to_json(self) -> dict[str, Any]:
        """The members as the API has them; without the entity tag."""
        return {
            "id": str(self.id),
            "title": self.title,
            "description": self.description,
            "is_completed": self.is_completed,
            "created_at": self.created_at.isoformat(timespec="microseconds"),
            "user_id": str(self.user_id),
        }


@dataclass(frozen=True, slots=True)
class Page:
    """Some tasks of a list. `next` is the query of the page after it, None on the last; a page may be empty."""

    tasks: Sequence[Task]
    next: str | None


@dataclass(frozen=True, slots=True)
class Changes:
    """What has changed since a revision. An id in `deleted` may be of a task that you never had."""

    revision: int
    changed: Sequence[Task]
    deleted: Sequence[UUID]

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> "Changes":
        """KeyError, TypeError or ValueError where a member is missing or wrong."""
        return cls(
            revision=int(members["revision"]),
            changed=tuple(Task.from_json(task) for task in members["changed"]),
            deleted=tuple(UUID(task_id) for task_id in members["deleted"]),
        )


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of one operation of a batch: the task as it is now, or the problem, ready to be raised.

    Both are None after a deletion.
    """

    status: int
    task: Task | None
    problem: Problem | None

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> "BatchResult":
        """KeyError, TypeError or ValueError where a member is missing or wrong."""
        task, problem, etag = members.get("task"), members.get("problem"), members.get("etag") or None
        return cls(
            status=int(members["status"]),
            task=None if task is None else Task.from_json(task, etag),
            problem=None if problem is None else problem_of(int(members["status"]), problem, etag=etag),
        )

"""What the API must answer, as plain Python: the tasks of each user, and what each key has been used for."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, cast

from tests.contract.tasks import Task
from tests.task_fields import DEFAULTS

type Verb = Literal["create", "replace", "patch", "toggle", "delete"]


@dataclass(frozen=True)
class DrawnRequest:
    """One write that keeps all rules. `is_completed` None flips a completion; `task_id` is empty for a new task.

    A patch changes what `changed` names, and no other verb heeds that.
    """

    verb: Verb
    user_id: str
    task_id: str = ""
    title: str = ""
    description: str | None = None
    is_completed: bool | None = None
    changed: frozenset[str] = frozenset()

    @property
    def fields(self) -> dict[str, object]:
        """All that it may write."""
        return {"title": self.title, "description": self.description, "is_completed": bool(self.is_completed)}

    @property
    def changes(self) -> dict[str, object]:
        """What a patch writes."""
        return {name: value for name, value in self.fields.items() if name in self.changed}


@dataclass(frozen=True)
class DrawnPage:
    """Parameters of a list; times are those of tasks, and sort as text."""

    order: str
    is_completed: bool | None
    created_after: str | None
    created_before: str | None
    q: str | None

    def matches(self, task: Task) -> bool:
        texts = (task["title"], task["description"] or "")
        return (
            self.is_completed in {None, task["is_completed"]}
            and (self.created_after is None or task["created_at"] > self.created_after)
            and (self.created_before is None or task["created_at"] < self.created_before)
            and (self.q is None or any(folded(self.q) in folded(text) for text in texts))
        )

    def query(self) -> dict[str, object]:
        """The parameters that are given."""
        given = {name: value for name, value in vars(self).items() if value is not None}
        return given if self.is_completed is None else given | {"is_completed": str(self.is_completed).lower()}


def folded(text: str) -> str:
    """The text without case: each character as one character, as Unicode's simple mappings have it."""
    upper = "".join(one.upper() if len(one.upper()) == 1 else one for one in text)
    return "".join(one.lower() if len(one.lower()) == 1 else one for one in upper)


@dataclass(frozen=True)
class Answer:
    """How a request ends: `found` is False where the user has no such task, `changed` where everything is as it was;
    `task` is what is left, if any."""

    found: bool
    task: Task | None = None
    changed: bool = True


@dataclass(frozen=True)
class Recorded:
    """What was asked and answered under a key: the answer's status, body, Location and entity tag."""

    asked: DrawnRequest
    status: int
    text: str
    location: str | None
    tag: str | None


@dataclass
class Model:
    """Everything that the API has to remember."""

    tasks: dict[str, dict[str, Task]] = field(default_factory=dict)  # by user, then by id
    keys: dict[tuple[str, str], Recorded] = field(default_factory=dict)  # by user and key

    def find(self, user_id: str, task_id: str) -> Task | None:
        """The user's task; someone else's is none."""
        return self.tasks.get(user_id, {}).get(task_id)

    def listed(self, user_id: str) -> list[Task]:
        """All tasks of the user: newest first, the greater id first among those of one moment."""
        mine = self.tasks.get(user_id, {}).values()
        return sorted(mine, key=lambda task: (datetime.fromisoformat(task["created_at"]), task["id"]), reverse=True)

    def paged(self, user_id: str, wanted: DrawnPage) -> list[Task]:
        """The tasks of all pages."""
        name = wanted.order.removeprefix("-")
        matching = [task for task in self.tasks.get(user_id, {}).values() if wanted.matches(task)]
        return sorted(matching, key=lambda task: (task[name], task["id"]), reverse=wanted.order.startswith("-"))  # type: ignore[literal-required]

    def carry_out(self, asked: DrawnRequest, *, created: Task | None = None) -> Answer:
        """What the request leaves. Of a new task the system chooses id and moment: `created` is what it answered."""
        mine = self.tasks.setdefault(asked.user_id, {})
        if asked.verb == "create":
            assert created is not None, "a new task was not answered with"
            assert all(created["id"] not in tasks for tasks in self.tasks.values()), "the id of another task"
            task = written(asked, task_id=created["id"], created_at=created["created_at"])
        elif asked.task_id not in mine:
            return Answer(found=False, changed=False)
        elif asked.verb == "delete":
            del mine[asked.task_id]
            return Answer(found=True)
        elif asked.verb == "replace":
            task = written(asked, task_id=asked.task_id, created_at=mine[asked.task_id]["created_at"])
        elif asked.verb == "patch":
            task = cast("Task", {**mine[asked.task_id], **asked.changes})
        else:
            before = mine[asked.task_id]
            wanted = not before["is_completed"] if asked.is_completed is None else asked.is_completed
            task = {**before, "is_completed": wanted}
        changed = mine.get(task["id"]) != task
        mine[task["id"]] = task
        return Answer(found=True, task=task, changed=changed)


def written(asked: DrawnRequest, *, task_id: str, created_at: str) -> Task:
    """The task as the request spells it."""
    own = {"id": task_id, "created_at": created_at, "user_id": asked.user_id}
    return cast("Task", {**DEFAULTS, **asked.fields, **own})

"""What the machine has seen of revisions: each change moves its user's upwards, and nothing else moves it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .model import Answer

type Condition = Literal["current", "weak", "stale", "foreign", "any"]


@dataclass
class Revisions:
    """The revision of each user and of each task, as the API has told them; a user who was never seen is at 0."""

    of_user: dict[str, int] = field(default_factory=dict)
    of_task: dict[str, int] = field(default_factory=dict)
    _untold: set[str] = field(default_factory=set)  # users of a change whose answer has no entity tag: a deletion

    def wrote(self, user_id: str, answer: Answer, told: int | None) -> None:
        """Takes the revision that a write was answered with."""
        if not answer.found:
            assert told is None
        elif not answer.changed:
            assert answer.task is not None
            assert told == self.of_task[answer.task["id"]], "what changes nothing shows the revision of the task"
        elif told is None:
            assert answer.task is None, "an answer with a task has a revision"
            self._untold.add(user_id)
        else:
            assert told > self.of_user.get(user_id, 0), "a change moves the revision upwards"
            self.of_user[user_id] = told
            self._untold.discard(user_id)
            if answer.task is not None:
                self.of_task[answer.task["id"]] = told

    def listed(self, user_id: str, told: int) -> None:
        """Takes the revision that the list was answered with."""
        before = self.of_user.get(user_id, 0)
        assert told > before if user_id in self._untold else told == before, (told, before)
        self.of_user[user_id] = told
        self._untold.discard(user_id)

    def tag(self, task_id: str, condition: Condition) -> str:
        """What a client may send as the entity tag of the task; an unknown task counts as at 1."""
        revision = self.of_task.get(task_id, 1)
        tags = {"current": f'"1-{revision}"', "weak": f'W/"1-{revision}"', "stale": f'"1-{revision - 1}"'}
        return {**tags, "foreign": f'"{revision}"', "any": "*"}[condition]

    def match(self, task_id: str, tag: str) -> bool:
        """Whether a task that is there has this tag now, as If-Match compares."""
        return tag == "*" or tag.removeprefix("W/") == f'"1-{self.of_task[task_id]}"'


def holds(header: str, condition: Condition) -> bool:
    """Whether the condition holds of a task that is there."""
    return (condition in {"current", "weak", "any"}) is (header == "If-Match")


def revision_in(headers: Mapping[str, str]) -> int | None:
    """The revision of the entity tag of an answer."""
    tag = headers.get("etag")
    return None if tag is None else int(tag.removeprefix('"1-').removesuffix('"'))

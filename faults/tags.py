"""What each entity tag of one user has stood for: one state, and newer ones after older ones."""

from typing import Any

from faults.states import Value


def revision_of(tag: str) -> int:
    """The number in the tag, which moves upwards; how it is written is the product's own."""
    return int(tag.strip('"').rpartition("-")[2])


class Tags:
    """The entity tags of a user's tasks and lists that were in answers."""

    def __init__(self) -> None:
        self._seen: dict[str, Any] = {}  # tasks
        self._lists: dict[str, Any] = {}
        self._of_task: dict[str, tuple[str, ...]] = {}  # the latest two that were seen, the last one last
        self._current: dict[str, str] = {}  # those that no write can have moved since

    def task_of(self, tag: str | None) -> Any:
        """The task that the tag stood for. A list may have the same tag."""
        return self._seen[tag or ""]

    def list_of(self, tag: str | None) -> list[Any]:
        """The list that the tag stood for."""
        found: list[Any] = self._lists[tag or ""]
        return found

    def value_of(self, tag: str | None) -> Value | None:
        """The state of a task that the tag stood for."""
        return None if tag is None else Value.of(self.task_of(tag))

    def of_task(self, task_id: str) -> tuple[str, ...]:
        """The latest two tags of the task in answers, the last one last."""
        return self._of_task.get(task_id, ())

    def is_current(self, task_id: str | None, tag: str | None) -> bool:
        """Whether the task certainly has this tag."""
        return tag is not None and self._current.get(task_id or "") == tag

    def may_have_moved(self, task_id: str | None) -> None:
        """A write may have been carried out, or may be yet."""
        self._current.pop(task_id or "", None)

    def saw(self, tag: str, task: Any, *, is_certain: bool) -> str | None:
        """Takes the tag of an answer with a task; what is wrong with it, if anything is. `is_certain`: no other write
        of the task is pending."""
        before = self._of_task.get(task["id"], (tag,))[-1]
        self._of_task[task["id"]] = (tag,) if tag == before else (before, tag)
        self.may_have_moved(task["id"])
        if is_certain:
            self._current[task["id"]] = tag
        stood_for = self._seen.setdefault(tag, task)
        if is_certain and revision_of(tag) < revision_of(before):
            return f"the entity tag went back from {before} to {tag}"
        if stood_for != task:
            return f"the entity tag {tag} was that of another state before: {stood_for!r:.200}"
        return None

    def saw_list(self, tag: str, tasks: Any) -> str | None:
        """Takes the tag of an answer with all tasks; what is wrong with it, if anything is."""
        if self._lists.setdefault(tag, tasks) != tasks:
            return f"the entity tag {tag} was that of another list before"
        return None

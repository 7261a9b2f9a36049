"""A copy of one user's tasks that is kept with changes alone, and what its revisions have meant."""

from typing import Any


class Copy:
    """What a client has that reads changes; at first nothing, which is revision 0."""

    def __init__(self) -> None:
        self.revision = 0
        self._tasks: dict[str, Any] = {}
        self._seen: dict[int, dict[str, Any]] = {0: {}}

    def take(self, since: int | None, changes: Any) -> str | None:
        """Puts the changes since the copy's revision in, or all tasks in its place when `since` is None; what is wrong
        with their revision, if anything is."""
        tasks = {} if since is None else dict(self._tasks)
        tasks |= {task["id"]: task for task in changes["changed"]}
        for task_id in changes["deleted"]:
            tasks.pop(task_id, None)
        before, self.revision, self._tasks = self.revision, changes["revision"], tasks
        if self.revision < before:
            return f"the revision went back from {before} to {self.revision}"
        if self._seen.setdefault(self.revision, tasks) != tasks:
            return f"the revision {self.revision} was another state before"
        return None

    def compare(self, revision: int, tasks: list[Any]) -> str | None:
        """What is wrong with a list that had this revision, if anything is."""
        if revision < self.revision:
            return f"the list had the revision {revision} after {self.revision}"
        listed = {task["id"]: task for task in tasks}
        if self._seen.setdefault(revision, listed) != listed:
            return f"the revision {revision} was another state before"
        return None

    def differs(self, revision: int, tasks: dict[str, Any]) -> bool:
        """Whether this revision has been seen as another state; by id."""
        return self._seen.get(revision, tasks) != tasks

    def listed(self) -> list[Any]:
        """The tasks as a list has them."""
        return sorted(self._tasks.values(), key=lambda task: (task["created_at"], task["id"]), reverse=True)

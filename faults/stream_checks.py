"""Judges event streams: every change is told, once, and in the order of revisions (docs/events.md)."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from faults.history import FinalState
from faults.rules import Rule, Violation
from faults.stream_events import StreamEvent

type Tasks = dict[str, Any]
"""Tasks by id."""

type Differs = Callable[[int, Tasks], bool]
"""Whether lists and changes have shown other tasks at this revision."""

_REFUSED = 503


class StreamCopy:
    """A copy of one user's tasks that is kept with a stream alone."""

    def __init__(self) -> None:
        self.revision: int | None = None
        self.tasks: Tasks = {}
        self._since: int | None = None
        self._may_repeat = False  # after a reset, what was told before the reading comes after it

    def take(self, event: StreamEvent) -> str | None:
        """Goes on with the event; what is wrong with it, if anything is."""
        match event.kind:
            case "opened":
                self._since, self._may_repeat = event.since, False
            case "changes":
                return self._change(event.data)
            case "read":
                fault = self._went_back(event.data["revision"])
                self._replace(event.data, {})
                self._since, self._may_repeat = self.revision, True
                return fault
            case "refused" if event.data != _REFUSED:
                return f"answered with {event.data}"
        return None

    def _change(self, changes: Any) -> str | None:
        revision = changes["revision"]
        if self._may_repeat and revision <= (self.revision or 0):
            return None
        fault = self._went_back(revision)
        if self._since is not None and self._since == revision:
            fault = f"the revision {revision} was told again"
        if self._since not in {None, self.revision}:
            fault = f"changes since {self._since}, and the copy had {self.revision}"
        self._replace(changes, {} if self._since is None else self.tasks)
        self._since, self._may_repeat = revision, False
        return fault

    def _went_back(self, revision: int) -> str | None:
        if self.revision is not None and revision < self.revision:
            return f"the revision went back from {self.revision} to {revision}"
        return None

    def _replace(self, changes: Any, before: Tasks) -> None:
        tasks = before | {task["id"]: task for task in changes["changed"]}
        self.tasks = {task_id: task for task_id, task in tasks.items() if task_id not in changes["deleted"]}
        self.revision = changes["revision"]


def judge_stream(events: Sequence[StreamEvent], finals: Sequence[FinalState], differs: Differs) -> Iterator[Violation]:
    """The violations of one client's stream, given what its user's tasks were at the end."""
    copy = StreamCopy()
    for event in events:
        fault = copy.take(event)
        if fault is None and copy.revision is not None and differs(copy.revision, copy.tasks):
            fault = f"the revision {copy.revision} was another state before"
        if fault is not None:
            yield _at(event.client, event.at_s, f"{event.kind}: {fault}")
    for final in finals if events else ():
        if final.source == "api" and (fault := _difference(copy.tasks, final.tasks)) is not None:
            yield _at(final.client, final.began_s, f"at the end, at revision {copy.revision}: {fault}")


def _difference(told: Tasks, listed: Sequence[Any]) -> str | None:
    expected = {task["id"]: task for task in listed}
    names = {name for name in told | expected if told.get(name) != expected.get(name)}
    return f"{len(names)} tasks differ from the list, such as {min(names)}" if names else None


def _at(client: int, at_s: float, detail: str) -> Violation:
    return Violation(Rule.STREAM, client, -1, at_s, detail)

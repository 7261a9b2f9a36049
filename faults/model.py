"""An exact model of one user's tasks, built from one client's operations; each answer is checked against it."""

from collections.abc import Callable, Iterator
from typing import Any

from common.contracts.fields import TaskFields

from faults.copies import Copy
from faults.history import FinalState, Operation
from faults.rules import Rule, Violation, violation
from faults.states import Answer, Effect, Value
from faults.tracking import TrackedTask

KEYS = {"id", "created_at", "user_id", *TaskFields.model_fields}
_OK, _CREATED, _DELETED, _NOT_FOUND, _INTERNAL, _UNKNOWN = 200, 201, 204, 404, 500, 504
_EXPECTED = {
    "create": {_CREATED},
    "replace": {_OK, _NOT_FOUND},
    "flip": {_OK, _NOT_FOUND},
    "set": {_OK, _NOT_FOUND},
    "delete": {_DELETED, _NOT_FOUND},
    "get": {_OK, _NOT_FOUND},
    "list": {_OK},
    "sync": {_OK},
    "peek": {_NOT_FOUND},
}


class UserModel:
    """The possible states of one user's tasks. Judges operations in the order in which they were done.

    `last_moment_s` says until when a write without a known outcome may be done (lateness.py).
    """

    def __init__(self, user_id: str, last_moment_s: Callable[[Operation], float]) -> None:
        self._user_id = user_id
        self._last_moment_s = last_moment_s
        self._by_id: dict[str, TrackedTask] = {}
        self._by_effect: dict[int, TrackedTask] = {}  # of creations, by their number
        self._by_title: dict[str, TrackedTask] = {}  # of the title that a task was created or replaced with
        self._strange: set[str] = set()  # ids of tasks that cannot be; each is reported once
        self._copy = Copy()
        self._active: dict[int, TrackedTask] = {}  # by number of creation: all that are not certainly gone

    def tasks(self) -> Iterator[tuple[str, int]]:
        """The ids of the tasks that may be there, each with the number of writes that are pending on it."""
        return ((task.id, len(task.pending)) for task in self._active.values() if task.id is not None)

    @property
    def revision(self) -> int:
        """That of the last sync; then its changes are in the client's copy."""
        return self._copy.revision

    def judge(self, operation: Operation) -> list[Violation]:
        """The violations that show in this operation, given all those before it. The model goes on with what it saw."""
        status, verb = operation.status, operation.request.verb
        found = []
        if status is not None and status >= _INTERNAL and not operation.is_refused and status != _UNKNOWN:
            found.append(violation(Rule.BROKEN, operation, f"answered with {status}"))
        if operation.is_answered and status not in _EXPECTED[verb]:
            rule = Rule.FOREIGN if verb == "peek" and status == _OK else Rule.UNEXPECTED
            return [*found, violation(rule, operation, f"answered with {status}: {operation.body!r:.200}")]
        if operation.is_write:
            return found + list(self._judge_write(operation))
        if operation.is_answered and verb == "sync":
            return found + list(self._judge_changes(operation, operation.request.since, operation.body))
        if operation.is_answered and verb != "peek":
            tasks = operation.body if verb == "list" else [operation.body] if status == _OK else []
            seen = self._active if verb == "list" else {0: self._by_id[operation.request.task_id or ""]}
            return found + list(self._judge_read(operation, tasks, list(seen.values())))
        return found

    def judge_final(self, final: FinalState) -> list[Violation]:
        """The violations that show in the state after the end, which is read like a list."""
        if final.source == "changes":
            return list(self._judge_changes(final, self.revision, final.tasks))
        return list(self._judge_read(final, final.tasks, list(self._active.values())))

    def _judge_changes(self, at: Operation | FinalState, since: int | None, changes: Any) -> Iterator[Violation]:
        """Judges the copy that these changes leave as a list."""
        fault = self._copy.take(since, changes)
        if fault is not None:
            yield _at(at, Rule.REVISION, fault)
        yield from self._judge_read(at, self._copy.listed(), list(self._active.values()))

    def _judge_write(self, operation: Operation) -> Iterator[Violation]:
        effect = Effect.of(operation.effect, operation.request)
        task = self._written(operation, effect)
        now_s = operation.began_s
        if operation.is_refused:
            task.refuse(now_s, effect)
        elif operation.is_unknown:
            task.send(now_s, effect, self._last_moment_s(operation))
        else:
            bodies = [operation.body] if operation.status in {_OK, _CREATED} else []
            yield from self._shape_faults(operation, bodies)
            if not all(map(self._is_own, bodies)):
                return
            rule = task.answer(now_s, effect, _answer(operation))
            if rule is not None:
                yield _contradiction(rule, operation, _answer(operation), task)
            if operation.status in {_OK, _CREATED}:
                yield from self._bind(operation, task, operation.body)
        self._keep(task)

    def _written(self, operation: Operation, effect: Effect) -> TrackedTask:
        """The task that a write is about; a new one for a creation that was not tried before."""
        if operation.request.task_id is not None:
            task = self._by_id[operation.request.task_id]
        elif effect.number in self._by_effect:
            return self._by_effect[effect.number]
        else:
            task = self._by_effect[effect.number] = TrackedTask(effect.number)
        if effect.title is not None:
            self._by_title[effect.title] = task
        return task

    def _judge_read(
        self, at: Operation | FinalState, tasks: list[Any], expected: list[TrackedTask]
    ) -> Iterator[Violation]:
        """Judges a read that shows these tasks and no others of those expected."""
        yield from self._shape_faults(at, tasks)
        shown: dict[int, Value] = {}
        for body in filter(self._is_own, tasks):
            task = self._found(body)
            if task is None:
                yield from self._stranger(at, body)
                continue
            if task.number in shown:
                yield _at(at, Rule.DOUBLED, f"a task is there twice: {body!r:.300}")
            shown[task.number] = Value.of(body)
            yield from self._bind(at, task, body)
        for task in {task.number: task for task in (*expected, *map(self._by_effect.__getitem__, shown))}.values():
            value = shown.get(task.number)
            rule = task.see(at.began_s, value)
            if rule is not None:
                yield _contradiction(rule, at, value, task)
            self._keep(task)

    def _found(self, body: Any) -> TrackedTask | None:
        """The task with this id, or else the one without a known id that was created with this title."""
        if body["id"] in self._by_id:
            return self._by_id[body["id"]]
        task = self._by_title.get(body["title"])
        return task if task is not None and task.id is None else None

    def _stranger(self, at: Operation | FinalState, body: Any) -> Iterator[Violation]:
        if body["id"] not in self._strange:
            self._strange.add(body["id"])
            rule = Rule.DOUBLED if body["title"] in self._by_title else Rule.IMPOSSIBLE
            yield _at(at, rule, f"a task is there that nothing can have created: {body!r:.300}")

    def _bind(self, at: Operation | FinalState, task: TrackedTask, body: Any) -> Iterator[Violation]:
        """Learns id and time of creation; they never change."""
        if task.id is None:
            task.id, task.created_at = body["id"], body["created_at"]
            self._by_id[body["id"]] = task
        elif (task.id, task.created_at) != (body["id"], body["created_at"]):
            yield _at(at, Rule.IMPOSSIBLE, f"id and time of creation were {task.id}, {task.created_at}: {body!r:.300}")

    def _is_own(self, body: Any) -> bool:
        return set(body) == KEYS and body["user_id"] == self._user_id

    def _shape_faults(self, at: Operation | FinalState, tasks: list[Any]) -> Iterator[Violation]:
        for body in tasks:
            if set(body) != KEYS:
                yield _at(at, Rule.IMPOSSIBLE, f"a task with the keys {sorted(body)}")
            elif body["user_id"] != self._user_id:
                yield _at(at, Rule.FOREIGN, f"a task of the user {body['user_id']}")
        order = [(body["created_at"], body["id"]) for body in filter(self._is_own, tasks)]
        if order != sorted(order, reverse=True):
            yield _at(at, Rule.IMPOSSIBLE, "a list that is not in the order of creation")

    def _keep(self, task: TrackedTask) -> None:
        if task.is_gone:
            self._active.pop(task.number, None)
        else:
            self._active[task.number] = task


def _answer(operation: Operation) -> Answer:
    match operation.status:
        case 204:
            return "deleted"
        case 404:
            return None
        case _:
            return Value.of(operation.body)


def _at(at: Operation | FinalState, rule: Rule, detail: str) -> Violation:
    if isinstance(at, Operation):
        return violation(rule, at, detail)
    return Violation(rule, at.client, -1, at.began_s, f"{at.source}: {detail}")


def _contradiction(rule: Rule, at: Operation | FinalState, seen: Answer, task: TrackedTask) -> Violation:
    return _at(at, rule, f"task {task.id}: {seen!r:.200} after {task.last_writes()}")

"""An exact model of one user's tasks, built from one client's operations; each answer is checked against it."""

from collections.abc import Callable, Iterator
from typing import Any

from common.contracts.fields import TaskFields

from faults.answers import CHANGED, CREATED, INTERNAL, OK, SAME, UNKNOWN, answer_of, expected_statuses, place_of
from faults.copies import Copy
from faults.history import FinalState, Operation
from faults.parts import has_all_results, parts
from faults.rules import Rule, Violation, violation
from faults.states import Answer, Effect, Value
from faults.tags import Tags, revision_of
from faults.tracking import TrackedTask

KEYS = {"id", "created_at", "user_id", *TaskFields.model_fields}


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
        self._tags = Tags()
        self._page_ends: dict[str, tuple[str, str]] = {}  # time and id of the last task before each cursor
        self._active: dict[int, TrackedTask] = {}  # by number of creation: all that are not certainly gone

    def tasks(self) -> Iterator[tuple[str, int]]:
        """The ids of the tasks that may be there, each with the number of writes that are pending on it."""
        return ((task.id, len(task.pending)) for task in self._active.values() if task.id is not None)

    @property
    def revision(self) -> int:
        """That of the last sync; then its changes are in the client's copy."""
        return self._copy.revision

    def tags_of(self, task_id: str) -> tuple[str, ...]:
        """The latest two entity tags of the task in answers, the last one last."""
        return self._tags.of_task(task_id)

    def differs(self, revision: int, tasks: dict[str, Any]) -> bool:
        """Whether a list or changes have shown other tasks at this revision; by id."""
        return self._copy.differs(revision, tasks)

    def judge(self, operation: Operation) -> list[Violation]:
        """The violations that show in this operation, given all those before it. The model goes on with what it saw."""
        if operation.request.verb == "batch":
            found = [one for part in parts(operation) for one in self._judge(part)]
            return found if has_all_results(operation) else [*found, violation(Rule.IMPOSSIBLE, operation, "too short")]
        return self._judge(operation)

    def _judge(self, operation: Operation) -> list[Violation]:
        status, verb = operation.status, operation.request.verb
        found = []
        if status is not None and status >= INTERNAL and not operation.is_refused and status != UNKNOWN:
            found.append(violation(Rule.BROKEN, operation, f"answered with {status}"))
        if operation.is_answered and status not in expected_statuses(operation.request):
            rule = Rule.FOREIGN if verb == "peek" and status == OK else Rule.UNEXPECTED
            return [*found, violation(rule, operation, f"answered with {status}: {operation.body!r:.200}")]
        if operation.is_write:
            return found + list(self._judge_write(operation))
        return found + list(self._judge_answer(operation)) if operation.is_answered else found

    def _judge_answer(self, operation: Operation) -> Iterator[Violation]:
        """Judges the answer to a read."""
        request, body, is_same = operation.request, operation.body, operation.status == SAME
        match request.verb:
            case "sync":
                yield from self._judge_changes(operation, request.since, body)
            case "list":
                tasks = self._tags.list_of(request.if_none_match) if is_same else body
                contradictions = list(self._judge_read(operation, tasks, list(self._active.values())))
                wrong = list(self._judge_list_tag(operation, tasks))
                yield from contradictions or wrong
            case "page":
                yield from self._judge_page(operation, body["tasks"], body["next"])
            case "get":
                task = self._by_id[request.task_id or ""]
                tasks = [self._tags.task_of(request.if_none_match)] if is_same else [body][: operation.status == OK]
                contradictions = list(self._judge_read(operation, tasks, [task]))
                wrong = list(self._judge_tag(operation, task, tasks))
                yield from contradictions or wrong

    def _judge_page(self, operation: Operation, tasks: list[Any], cursor: str | None) -> Iterator[Violation]:
        """Judges a page as a list of what is between its ends."""
        begin = self._page_ends.get(operation.request.cursor or "")
        end = place_of(tasks[-1]) if cursor is not None else None
        if cursor is not None and end is not None:
            self._page_ends[cursor] = end
        if begin is not None and any(place_of(body) >= begin for body in tasks):
            yield _at(operation, Rule.IMPOSSIBLE, "a page with tasks of the page before")
        is_whole = begin is None and end is None
        expected = [
            task
            for task in self._active.values()
            if (is_whole if (at := task.place) is None else (not begin or at < begin) and (not end or at >= end))
        ]
        yield from self._judge_read(operation, tasks, expected)

    def _judge_list_tag(self, operation: Operation, tasks: list[Any]) -> Iterator[Violation]:
        tag = operation.etag or ""
        if operation.status == OK and tag == operation.request.if_none_match:
            yield _at(operation, Rule.REVISION, f"the list was sent although its entity tag was {tag}")
        for fault in (self._tags.saw_list(tag, tasks), self._copy.compare(revision_of(tag), tasks)):
            if fault is not None:
                yield _at(operation, Rule.REVISION, fault)

    def _judge_tag(self, operation: Operation, task: TrackedTask, tasks: list[Any]) -> Iterator[Violation]:
        """Judges the entity tag of an answer with this task, or with none."""
        tag, known = operation.etag, operation.request.if_none_match
        if operation.status == CHANGED:
            if tag == operation.request.if_match or self._tags.is_current(task.id, operation.request.if_match):
                yield _at(operation, Rule.REVISION, f"412, and the entity tag was {operation.request.if_match}")
        elif not tasks:
            self._tags.may_have_moved(task.id)
        elif tag is None or (tag == known) is not (operation.status == SAME):
            yield _at(operation, Rule.REVISION, f"answered with the entity tag {tag}, and {known} was known")
        elif (fault := self._tags.saw(tag, tasks[0], is_certain=task.is_certain)) is not None:
            yield _at(operation, Rule.REVISION, fault)

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
        effect = Effect.of(operation.effect, operation.request, self._tags.value_of(operation.request.if_match))
        task = self._written(operation, effect)
        now_s = operation.began_s
        if operation.is_refused:
            task.refuse(now_s, effect)
        elif operation.is_unknown:
            task.send(now_s, effect, self._last_moment_s(operation))
            self._tags.may_have_moved(task.id)
        else:
            bodies = [operation.body] if operation.status in {OK, CREATED} else []
            yield from self._shape_faults(operation, bodies)
            if not all(map(self._is_own, bodies)):
                return
            rule = task.answer(now_s, effect, answer_of(operation))
            if rule is not None:
                yield _contradiction(rule, operation, answer_of(operation), task)
            if bodies:
                yield from self._bind(operation, task, operation.body)
            wrong = list(self._judge_tag(operation, task, bodies))
            yield from wrong if rule is None else ()
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


def _at(at: Operation | FinalState, rule: Rule, detail: str) -> Violation:
    if isinstance(at, Operation):
        return violation(rule, at, detail)
    return Violation(rule, at.client, -1, at.began_s, f"{at.source}: {detail}")


def _contradiction(rule: Rule, at: Operation | FinalState, seen: Answer, task: TrackedTask) -> Violation:
    return _at(at, rule, f"task {task.id}: {seen!r:.200} after {task.last_writes()}")

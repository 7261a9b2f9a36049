"""A task store without faults, and the histories that clients with an unreliable connection would record of it.

It keeps the promises in the plainest way, one dictionary of rows, and shares no code with the checker that it is
compared with.
"""

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from faults.history import Campaign, FinalState, History, Operation, Request, Verb
from tests.task_fields import DEFAULTS

USERS = ("0b9f7a52-0000-4000-8000-000000000001", "0b9f7a52-0000-4000-8000-000000000002")
DEADLINE_S = 2.0
READS = {"get", "list", "page", "sync", "peek"}
PAGE_TASKS = 2
WRITES_OF_A_TASK: tuple[Verb, ...] = ("replace", "patch", "flip", "set", "delete")
FATES = ("done", "refused", "unreachable", "unknown and done", "unknown and done later", "unknown and never done")

type Answer = tuple[int, Any, str | None]
"""Status, body and entity tag."""


@dataclass
class Client:
    """One user: the tasks that there are, and all that was recorded. Every operation takes 10 ms."""

    number: int
    now_s: float = 0.0
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)
    known: list[str] = field(default_factory=list)  # ids that the client has seen
    answers: dict[int, Answer] = field(default_factory=dict)  # the stored outcomes of writes, by their effect
    numbers: int = 0
    created: int = 0
    revision: int = 0  # of the store
    changed: dict[str, int] = field(default_factory=dict)  # the revision at which a task was last changed, or deleted
    synced: int = 0  # the revision of the client's copy
    tagged: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)  # the tag of each task, and for what
    tags: dict[str, str] = field(default_factory=dict)  # by task, or "list": what the client has seen last
    cursor: str | None = None
    later: list[tuple[float, Callable[[], object]]] = field(default_factory=list)

    def ask(self, request: Request, fate: str = "done", *, effect: int | None = None) -> Operation:
        """One operation that meets this fate. A read is done or refused."""
        self._work_off()
        number = self.numbers
        effect = number if effect is None else effect
        status: int | None = None
        body, failure, etag = None, None, None
        match fate:
            case "done":
                status, body, etag = self._carry_out(effect, request)
            case "refused":
                status, body = 503, "urn:taskwire:problem:not-done"
            case "unreachable":
                failure = "unreachable"
            case "unknown and done":
                self._carry_out(effect, request)
                failure = "lost"
            case "unknown and done later":
                self.later.append((self.now_s + 1.5, lambda: self._carry_out(effect, request)))
                status = 504
            case _:
                status = 504
        began_s, ended_s = self.now_s, self.now_s + 0.01
        operation = Operation(self.number, number, effect, began_s, ended_s, request, status, body, failure, etag=etag)
        self.operations.append(operation)
        self.numbers += max(1, len(request.operations))
        self._learn(operation)
        self.now_s = ended_s + 0.01
        return operation

    def _learn(self, operation: Operation) -> None:
        body, status = operation.body, operation.status
        self.known.extend(task["id"] for task in _tasks(body) if task["id"] not in self.known)
        if operation.request.verb == "list" and status == 200:
            self.tags["list"] = operation.etag or ""
        elif operation.request.verb == "page":
            self.cursor = body["next"] if status == 200 else None
        elif operation.request.verb == "batch" and status == 200:
            found = [one for one in body["results"] if "task" in one]
            self.tags |= {one["task"]["id"]: one["etag"] for one in found}
        elif operation.etag is not None and isinstance(body, dict) and "id" in body:
            self.tags[body["id"]] = operation.etag

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        self._work_off()

    def create(self, title: str, fate: str = "done") -> Operation:
        return self.ask(Request("create", title=title, is_completed=False), fate)

    def task(self, verb: Any, fate: str = "done", *, place: int = 0, **more: Any) -> Operation:
        """An operation on one of the tasks that the client knows."""
        return self.ask(Request(verb, task_id=self.known[place], **more), fate)

    def list(self) -> Operation:
        return self.ask(Request("list"))

    def sync(self) -> Operation:
        """The changes since the sync before."""
        operation = self.ask(Request("sync", since=self.synced))
        self.synced = operation.body["revision"]
        return operation

    def _changes(self, since: int) -> dict[str, Any]:
        touched = [task_id for task_id, revision in self.changed.items() if revision > since]
        changed = [copy.deepcopy(self.rows[task_id]) for task_id in touched if task_id in self.rows]
        deleted = [task_id for task_id in touched if task_id not in self.rows]
        return {"revision": self.revision, "changed": changed, "deleted": deleted}

    def _move(self, task_id: str) -> None:
        self.revision += 1
        self.changed[task_id] = self.revision

    def _work_off(self) -> None:
        for due in [due for due in self.later if due[0] <= self.now_s]:
            self.later.remove(due)
            due[1]()

    def _carry_out(self, effect: int, request: Request) -> Answer:
        """The answer; a write that was carried out before is answered as then."""
        if request.verb in READS:
            return self._read(request)
        if request.verb == "batch":
            parts = [self._carry_out(effect + place, one) for place, one in enumerate(request.operations)]
            return 200, {"results": [_result(*part) for part in parts]}, None
        if effect not in self.answers:
            self.answers[effect] = self._write(request)
        return copy.deepcopy(self.answers[effect])

    def _tag(self, row: dict[str, Any]) -> str:
        """A new one whenever the row has changed, whoever did that."""
        if self.tagged.get(row["id"], ("", {}))[1] != row:
            if row["id"] in self.tagged:
                self._move(row["id"])
            self.tagged[row["id"]] = f'"1-{self.revision}"', copy.deepcopy(row)
        return self.tagged[row["id"]][0]

    def _read(self, request: Request) -> Answer:
        newest_first = sorted(self.rows.values(), key=lambda row: row["created_at"], reverse=True)
        for row in newest_first:
            self._tag(row)
        match request.verb:
            case "sync":
                return 200, self._changes(request.since or 0), None
            case "list":
                tag = f'"1-{self.revision}"'
                same = request.if_none_match == tag
                return (304, None, tag) if same else (200, copy.deepcopy(newest_first), tag)
            case "page":
                left = [row for row in newest_first if request.cursor is None or row["created_at"] < request.cursor]
                more = left[PAGE_TASKS - 1]["created_at"] if len(left) > PAGE_TASKS else None
                return 200, {"tasks": copy.deepcopy(left[:PAGE_TASKS]), "next": more}, f'"1-{self.revision}"'
            case _:
                found = self.rows.get(request.task_id or "")
                if found is None:
                    return 404, "urn:taskwire:problem:task-not-found", None
                tag = self._tag(found)
                return (304, None, tag) if request.if_none_match == tag else (200, copy.deepcopy(found), tag)

    def _write(self, request: Request) -> Answer:
        if request.verb == "create":
            row = self._add(request)
            return 201, copy.deepcopy(row), self._tag(row)
        found = self.rows.get(request.task_id or "")
        if found is None:
            return 404, "urn:taskwire:problem:task-not-found", None
        if request.if_match not in {None, self._tag(found)}:
            return 412, "urn:taskwire:problem:precondition-failed", self._tag(found)
        if request.verb == "delete":
            self._move(found["id"])
            del self.rows[found["id"]]
            return 204, None, None
        fields = {
            "title": request.title,
            "description": request.description,
            "is_completed": bool(request.is_completed),
        }
        match request.verb:
            case "replace":
                found.update(fields)
            case "patch":
                found.update({name: fields[name] for name in request.changed})
            case "set":
                found["is_completed"] = request.is_completed
            case _:
                found["is_completed"] = not found["is_completed"]
        return 200, copy.deepcopy(found), self._tag(found)

    def _add(self, request: Request) -> dict[str, Any]:
        self.created += 1
        identity = f"{self.number:08d}-0000-4000-8000-{self.created:012d}"
        row = {
            **DEFAULTS,
            "id": identity,
            "title": request.title,
            "description": request.description,
            "is_completed": bool(request.is_completed),
            "created_at": f"2026-11-24T00:00:00.{self.created:06d}+00:00",
            "user_id": USERS[self.number],
        }
        self.rows[identity] = row
        self._move(identity)
        return row


def _result(status: int, body: Any, etag: str | None) -> dict[str, Any]:
    """An operation's part of the answer to a batch."""
    shown = {"problem": {"type": body}} if status >= 400 else {} if body is None else {"task": body}
    return {"status": status, **shown, **({} if etag is None else {"etag": etag})}


def _tasks(body: Any) -> list[Any]:
    if isinstance(body, dict) and "results" in body:
        return [one["task"] for one in body["results"] if "task" in one]
    if isinstance(body, dict):
        body = body.get("changed", body.get("tasks", [body]))
    return body if isinstance(body, list) else []


def history(*clients: Client) -> History:
    """What the clients recorded, and what is left after all that was late."""
    final = []
    for client in clients:
        client.wait(30)
        _, tasks, _ = client._carry_out(-1, Request("list"))
        final.append(FinalState(client.number, "postgresql", client.now_s, tasks))
        final.append(FinalState(client.number, "changes", client.now_s, client._changes(client.synced)))
    operations = [operation for client in clients for operation in client.operations]
    campaign = Campaign(1, 60, len(clients), USERS[: len(clients)], DEADLINE_S)
    return History(campaign, operations, [], final)


def wander(seed: int, count: int) -> Client:
    """A client that does what comes to its mind, and often does not learn what came of it."""
    choice = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    client = Client(0)
    while len(client.operations) < count:
        request = _request(choice, client)
        if request.verb == "sync":
            client.sync()
            continue
        fate = choice.choice(("done", "done", *FATES)) if request.verb not in READS else "done"
        operation = client.ask(request, fate)
        while request.key and not operation.is_answered and choice.random() < 0.7:
            operation = client.ask(request, choice.choice(("done", *FATES)), effect=operation.effect)
        client.wait(choice.choice((0, 0, 0, 0.5, 2, 6)))
    return client


def _request(choice: random.Random, client: Client) -> Request:
    verb: Verb = choice.choice((*WRITES_OF_A_TASK, "create", "flip", "batch", "get", "list", "page", "sync"))
    key = f"key-{client.numbers}" if choice.random() < 0.5 and verb not in READS else None
    known = client.known[-4:]
    if verb == "page":
        return Request("page", cursor=client.cursor)
    if verb == "list":
        return Request("list", if_none_match=client.tags.get("list") if choice.random() < 0.5 else None)
    if verb == "sync" or (not known and verb != "create"):
        return Request("sync")
    if verb != "batch":
        return replace(_on_a_task(choice, client, verb, client.numbers), key=key)
    verbs = choice.choices(("create", *WRITES_OF_A_TASK), k=3)
    operations = [_on_a_task(choice, client, one, client.numbers + place) for place, one in enumerate(verbs)]
    last = {one.task_id or one.title: one for one in operations}  # each on a task of its own
    numbered = enumerate(last.values(), client.numbers)
    titled = [replace(one, title=one.title and f"{one.verb} {number}") for number, one in numbered]
    return Request("batch", operations=tuple(titled), key=key)


def _on_a_task(choice: random.Random, client: Client, verb: Verb, number: int) -> Request:
    task_id = None if verb == "create" else choice.choice(client.known[-4:])
    tag = client.tags.get(task_id) if task_id and choice.random() < 0.3 else None
    fields = ("title", "description", "is_completed")
    return Request(
        verb,
        task_id,
        title=f"{verb} {number}" if verb in {"create", "replace", "patch"} else None,
        is_completed=choice.random() < 0.5 if verb in {"create", "replace", "patch", "set"} else None,
        changed=tuple(choice.sample(fields, choice.randint(1, 3))) if verb == "patch" else (),
        if_match=tag if verb != "get" else None,
        if_none_match=tag if verb == "get" else None,
    )

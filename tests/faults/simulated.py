"""A task store without faults, and the histories that clients with an unreliable connection would record of it.

It keeps the promises in the plainest way, one dictionary of rows, and shares no code with the checker that it is
compared with.
"""

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from faults.history import Campaign, FinalState, History, Operation, Request
from tests.task_fields import DEFAULTS

USERS = ("0b9f7a52-0000-4000-8000-000000000001", "0b9f7a52-0000-4000-8000-000000000002")
DEADLINE_S = 2.0
READS = {"get", "list", "sync", "peek"}
FATES = ("done", "refused", "unreachable", "unknown and done", "unknown and done later", "unknown and never done")


@dataclass
class Client:
    """One user: the tasks that there are, and all that was recorded. Every operation takes 10 ms."""

    number: int
    now_s: float = 0.0
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)
    known: list[str] = field(default_factory=list)  # ids that the client has seen
    answers: dict[int, tuple[int, Any]] = field(default_factory=dict)  # the stored outcomes of writes, by their effect
    created: int = 0
    revision: int = 0  # of the store
    changed: dict[str, int] = field(default_factory=dict)  # the revision at which a task was last changed, or deleted
    synced: int = 0  # the revision of the client's copy
    later: list[tuple[float, Callable[[], object]]] = field(default_factory=list)

    def ask(self, request: Request, fate: str = "done", *, effect: int | None = None) -> Operation:
        """One operation that meets this fate. A read is done or refused."""
        self._work_off()
        number = len(self.operations)
        effect = number if effect is None else effect
        status: int | None = None
        body, failure = None, None
        match fate:
            case "done":
                status, body = self._carry_out(effect, request)
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
        operation = Operation(self.number, number, effect, began_s, ended_s, request, status, body, failure)
        self.operations.append(operation)
        self.known.extend(task["id"] for task in _tasks(body) if task["id"] not in self.known)
        self.now_s = ended_s + 0.01
        return operation

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

    def _carry_out(self, effect: int, request: Request) -> tuple[int, Any]:
        """The answer; a write that was carried out before is answered as then."""
        if request.verb in READS:
            return self._read(request)
        if effect not in self.answers:
            self.answers[effect] = self._write(request)
        return copy.deepcopy(self.answers[effect])

    def _read(self, request: Request) -> tuple[int, Any]:
        if request.verb == "sync":
            return 200, self._changes(request.since or 0)
        if request.verb == "list":
            newest_first = sorted(self.rows.values(), key=lambda row: row["created_at"], reverse=True)
            return 200, copy.deepcopy(newest_first)
        row = self.rows.get(request.task_id or "")
        return (200, copy.deepcopy(row)) if row is not None else (404, "urn:taskwire:problem:task-not-found")

    def _write(self, request: Request) -> tuple[int, Any]:
        if request.verb == "create":
            return 201, copy.deepcopy(self._add(request))
        row = self.rows.get(request.task_id or "")
        if row is None:
            return 404, "urn:taskwire:problem:task-not-found"
        self._move(row["id"])
        if request.verb == "delete":
            del self.rows[row["id"]]
            return 204, None
        if request.verb == "replace":
            row.update(title=request.title, description=request.description, is_completed=bool(request.is_completed))
        else:
            row["is_completed"] = request.is_completed if request.verb == "set" else not row["is_completed"]
        return 200, copy.deepcopy(row)

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


def _tasks(body: Any) -> list[Any]:
    if isinstance(body, dict):
        changed: list[Any] = body.get("changed", [body])
        return changed
    return body if isinstance(body, list) else []


def history(*clients: Client) -> History:
    """What the clients recorded, and what is left after all that was late."""
    final = []
    for client in clients:
        client.wait(30)
        _, tasks = client._carry_out(-1, Request("list"))
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
    verb = choice.choice(("create", "replace", "flip", "flip", "set", "delete", "get", "list", "sync"))
    key = f"key-{len(client.operations)}" if choice.random() < 0.5 and verb not in READS else None
    if verb in {"list", "sync"}:
        return Request(verb)  # type: ignore[arg-type]
    title = f"{verb} {len(client.operations)}" if verb in {"create", "replace"} else None
    is_completed = choice.random() < 0.5 if verb in {"create", "replace", "set"} else None
    request = Request(verb, title=title, is_completed=is_completed, key=key)  # type: ignore[arg-type]
    if verb == "create":
        return request
    return replace(request, task_id=choice.choice(client.known[-3:])) if client.known else Request("list")

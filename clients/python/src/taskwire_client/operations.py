"""The operations of the API as calls: the request of each, and how its answer is read."""

import dataclasses
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Unpack, cast
from urllib.parse import urlencode, urlsplit
from uuid import UUID, uuid4

from taskwire_client.exchange import Answer, Call, Request
from taskwire_client.tasks import BatchResult, Changes, Details, Fields, Filters, Id, Page, Task

MAX_OPERATIONS, MAX_BATCH_BYTES = 1000, 1024 * 1024
PAGE_SIZE = 500
_NEXT = re.compile(r'<([^>]*)>\s*(?:;[^,<]*)?;\s*rel="?next"?')
_NOT_MODIFIED = 304
_OUTCOME_OPEN = frozenset({503, 504})


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a batch, as its members in JSON; with `if_unchanged`, done only to the task as it was seen."""

    members: Mapping[str, Any]

    @classmethod
    def create(cls, title: str, **details: Unpack[Details]) -> "Operation":
        """Creates a task."""
        return cls({"op": "create", "title": title, **details})

    @classmethod
    def replace(
        cls, task_id: Id, title: str, *, if_unchanged: Task | None = None, **details: Unpack[Details]
    ) -> "Operation":
        """Replaces a task; details that are left out get their defaults."""
        return cls(_on_task("replace", task_id, if_unchanged) | {"title": title, **details})

    @classmethod
    def patch(cls, task_id: Id, *, if_unchanged: Task | None = None, **fields: Unpack[Fields]) -> "Operation":
        """Changes some fields of a task."""
        return cls(_on_task("patch", task_id, if_unchanged) | dict(fields))

    @classmethod
    def complete(
        cls, task_id: Id, *, is_completed: bool | None = True, if_unchanged: Task | None = None
    ) -> "Operation":
        """Sets the completion of a task; None flips it."""
        return cls(_on_task("complete", task_id, if_unchanged) | _completion(is_completed))

    @classmethod
    def delete(cls, task_id: Id, *, if_unchanged: Task | None = None) -> "Operation":
        """Deletes a task."""
        return cls(_on_task("delete", task_id, if_unchanged))


def create(user_id: UUID, content: Mapping[str, Any], key: str | None) -> Call[Task]:
    """Creates a task."""
    return _write("POST", f"{_user(user_id)}/tasks", content, key=key)


def replace(task: "Target", content: Mapping[str, Any], key: str | None) -> Call[Task]:
    """Replaces a task."""
    return _write("PUT", task.path, content, key=key, if_match=task.if_match)


def patch(task: "Target", fields: Mapping[str, Any], key: str | None) -> Call[Task]:
    """Changes some fields of a task (RFC 7396)."""
    call = _write("PATCH", task.path, fields, key=key, if_match=task.if_match)
    headers = {**call.request.headers, "content-type": "application/merge-patch+json"}
    return dataclasses.replace(call, request=dataclasses.replace(call.request, headers=headers))


def complete(task: "Target", is_completed: bool | None, key: str | None) -> Call[Task]:
    """Sets the completion of a task, or flips it where none is given."""
    return _write("PATCH", f"{task.path}/complete", _completion(is_completed), key=key, if_match=task.if_match)


def delete(task: "Target", key: str | None) -> Call[None]:
    """Deletes a task."""
    call = _write("DELETE", task.path, None, key=key, if_match=task.if_match)
    return Call(call.request, _nothing, call.key)


def batch(user_id: UUID, operations: Sequence[Operation], key: str | None) -> Call[Sequence[BatchResult]]:
    """Carries out operations in their order. It is settled once the outcome of each is certain."""
    call = _write("POST", f"{_user(user_id)}/batch", {"operations": [one.members for one in operations]}, key=key)
    return Call(call.request, _batch_results, call.key, _is_certain)


def get(task: "Target", known: Task | None = None) -> Call[Task]:
    """The task; `known` itself, if that is still how it is."""
    if known is None or known.etag is None:
        return Call(Request("GET", task.path), _task)
    request = Request("GET", task.path, headers={"if-none-match": known.etag})
    same = frozenset({_NOT_MODIFIED})
    return Call(request, lambda answer: known if answer.status == _NOT_MODIFIED else _task(answer), also_read=same)


def page(user_id: UUID, query: str) -> Call[Page]:
    """One page of a list; `query` is that of `first_page` or of the page before."""
    return Call(Request("GET", f"{_user(user_id)}/tasks", query), _page)


def first_page(limit: int, filters: Filters) -> str:
    """The query of a list's first page, of at most so many tasks."""
    return urlencode({"limit": limit} | {name: _parameter(value) for name, value in filters.items()})


def changes(user_id: UUID, since: int | None) -> Call[Changes]:
    """What has changed since a revision; all tasks, without one."""
    query = "" if since is None else f"since={since}"
    return Call(Request("GET", f"{_user(user_id)}/changes", query), lambda answer: Changes.from_json(answer.json()))


def events(user_id: UUID, since: int | None) -> Request:
    """The request of an event stream, from all tasks or from a revision on."""
    resumed = {} if since is None else {"last-event-id": str(since)}
    return Request("GET", f"{_user(user_id)}/events", headers={"accept": "text/event-stream"} | resumed)


@dataclass(frozen=True, slots=True)
class Target:
    """The task that a request is about, and the state that it has to be in."""

    user_id: UUID
    task_id: UUID
    if_match: str | None

    @classmethod
    def of(cls, user_id: UUID, task_id: Id, if_unchanged: Task | None = None) -> "Target":
        """ValueError where the id is no UUID, or the seen task has no entity tag or is another one."""
        return cls(user_id, _uuid(task_id), _tag(task_id, if_unchanged))

    @property
    def path(self) -> str:
        return f"{_user(self.user_id)}/tasks/{self.task_id}"


def in_batches(operations: Iterable[Operation]) -> Iterator[Sequence[Operation]]:
    """The operations in batches as large as the API allows: 1,000 operations and 1 MiB."""
    taken: list[Operation] = []
    size = overhead = len(_encoded({"operations": []}))
    for one in operations:
        added = len(_encoded(one.members)) + 1
        if taken and (len(taken) == MAX_OPERATIONS or size + added > MAX_BATCH_BYTES):
            yield taken
            taken, size = [], overhead
        taken.append(one)
        size += added
    if taken:
        yield taken


def _user(user_id: UUID) -> str:
    return f"/api/{user_id}"


def _uuid(given: Id) -> UUID:
    return given if isinstance(given, UUID) else UUID(given)


def _tag(task_id: Id, seen: Task | None) -> str | None:
    if seen is None:
        return None
    if seen.id != _uuid(task_id):
        raise ValueError("if_unchanged is another task")
    if seen.etag is None:
        raise ValueError("if_unchanged has no entity tag, as tasks of lists have none: get the task first")
    return seen.etag


def _on_task(op: str, task_id: Id, seen: Task | None) -> dict[str, Any]:
    tag = _tag(task_id, seen)
    return {"op": op, "id": str(_uuid(task_id))} | ({} if tag is None else {"if_match": tag})


def _completion(is_completed: bool | None) -> dict[str, Any]:
    return {} if is_completed is None else {"is_completed": is_completed}


def _write(
    method: str, path: str, content: Mapping[str, Any] | None, *, key: str | None, if_match: str | None = None
) -> Call[Task]:
    key = key or str(uuid4())
    headers = {"idempotency-key": f'"{key}"'} | ({} if if_match is None else {"if-match": if_match})
    if content is None:
        return Call(Request(method, path, headers=headers), _task, key)
    return Call(
        Request(method, path, "", headers | {"content-type": "application/json"}, _encoded(content)), _task, key
    )


def _encoded(content: Mapping[str, Any]) -> bytes:
    """In UTF-8 and without spaces. ValueError for text that is no Unicode, as a lone surrogate."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _parameter(value: object) -> str:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a time without an offset means another moment elsewhere")
        return value.isoformat()
    return str(value).lower() if isinstance(value, bool) else str(value)


def _task(answer: Answer) -> Task:
    return Task.from_json(answer.json(), answer.headers.get("etag"))


def _nothing(_: Answer) -> None:
    return None


def _page(answer: Answer) -> Page:
    found = _NEXT.search(answer.headers.get("link", ""))
    query = urlsplit(found[1]).query if found else None  # the address may have another beginning behind a proxy
    return Page(tuple(Task.from_json(task) for task in answer.json()), query)


def _results(answer: Answer) -> list[Mapping[str, Any]]:
    return cast("list[Mapping[str, Any]]", answer.json()["results"])


def _batch_results(answer: Answer) -> Sequence[BatchResult]:
    return tuple(map(BatchResult.from_json, _results(answer)))


def _is_certain(answer: Answer) -> bool:
    try:
        return not any(result["status"] in _OUTCOME_OPEN for result in _results(answer))
    except (KeyError, TypeError, ValueError):
        return True  # what is no answer of this API does not become one

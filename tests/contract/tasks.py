"""The operations of the API and the shortest way to call each."""

from dataclasses import dataclass
from typing import TypedDict, cast
from uuid import uuid4

import httpx


class Task(TypedDict):
    """A task as the API spells it: the members that tests name. tests/task_fields.py has all."""

    id: str
    title: str
    description: str | None
    is_completed: bool
    created_at: str
    user_id: str


@dataclass(frozen=True)
class Operation:
    """One endpoint with a body that it accepts, and its media type; `fields` is None where it takes no body."""

    name: str
    method: str
    path: str
    success: int
    fields: dict[str, object] | None = None
    media_type: str = "application/json"

    def url(self, user_id: str, task_id: str) -> str:
        """The path with both ids filled in; they are put in as they are, so an id may carry percent escapes."""
        return self.path.format(user_id=user_id, id=task_id)

    @property
    def headers(self) -> dict[str, str]:
        """The media type of the body, where there is one."""
        return {} if self.fields is None else {"Content-Type": self.media_type}

    def __str__(self) -> str:
        return self.name


LIST = Operation("list", "GET", "/api/{user_id}/tasks", 200)
CREATE = Operation("create", "POST", "/api/{user_id}/tasks", 201, {"title": "buy milk"})
GET = Operation("get", "GET", "/api/{user_id}/tasks/{id}", 200)
REPLACE = Operation("replace", "PUT", "/api/{user_id}/tasks/{id}", 200, {"title": "buy bread"})
PATCH = Operation(
    "patch", "PATCH", "/api/{user_id}/tasks/{id}", 200, {"title": "buy bread"}, "application/merge-patch+json"
)
DELETE = Operation("delete", "DELETE", "/api/{user_id}/tasks/{id}", 204)
COMPLETE = Operation("complete", "PATCH", "/api/{user_id}/tasks/{id}/complete", 200, {"is_completed": True})
CHANGES = Operation("changes", "GET", "/api/{user_id}/changes", 200)
BATCH = Operation("batch", "POST", "/api/{user_id}/batch", 200, {"operations": [{"op": "create", "title": "buy milk"}]})

EVENTS = Operation("events", "GET", "/api/{user_id}/events", 200)

ALL = (LIST, CREATE, GET, REPLACE, PATCH, DELETE, COMPLETE, BATCH, CHANGES)
DESCRIBED = (*ALL, EVENTS)  # an event stream does not end: event_streams.py reads one
WRITES = (CREATE, REPLACE, PATCH, COMPLETE, DELETE, BATCH)
OF_ONE_TASK = (GET, REPLACE, PATCH, DELETE, COMPLETE)
WITH_BODY = (CREATE, REPLACE, PATCH, COMPLETE)


def call(api: httpx.Client, operation: Operation, user_id: str, task_id: str) -> httpx.Response:
    """The answer to the operation with the body that it accepts."""
    url = operation.url(user_id, task_id)
    return api.request(operation.method, url, json=operation.fields, headers=operation.headers)


def send(api: httpx.Client, operation: Operation, user_id: str, body: bytes) -> httpx.Response:
    """The answer to these bytes as a body; an operation on one task gets a task that was made for it."""
    task_id = create(api, user_id)["id"] if operation in OF_ONE_TASK else unknown_id()
    headers = {"Content-Type": operation.media_type}
    return api.request(operation.method, operation.url(user_id, task_id), content=body, headers=headers)


def create(api: httpx.Client, user_id: str, **fields: object) -> Task:
    """The new task, as POST answers it; it has a title unless `fields` gives one."""
    response = api.post(CREATE.url(user_id, ""), json={"title": "buy milk", **fields})
    assert response.status_code == 201, response.text
    return cast("Task", response.json())


def fetch(api: httpx.Client, user_id: str, task_id: str) -> Task:
    """The task, as GET answers it."""
    response = api.get(GET.url(user_id, task_id))
    assert response.status_code == 200, response.text
    return cast("Task", response.json())


def list_all(api: httpx.Client, user_id: str) -> list[Task]:
    """The user's tasks, as the list answers them."""
    response = api.get(LIST.url(user_id, ""))
    assert response.status_code == 200, response.text
    return cast("list[Task]", response.json())


def unknown_id() -> str:
    """An id that no task has."""
    return str(uuid4())

"""A client that uses the Python library, as its users do: one call for each request, and not a line about retries.

A call is recorded as one operation, from its beginning to its return, and judged like those of other clients. The copy
that it keeps with `sync` is recorded as if all tasks had been read, so that the copy is judged as well.
"""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

import httpx
from taskwire_client import AsyncClient, BatchResult, Options, Problem, Retries, Snapshot, Task, TaskwireError
from taskwire_client import Operation as BatchOperation
from taskwire_client.tasks import Details, Fields

from faults.history import LOST, UNREACHABLE, History, Operation, Request
from faults.parts import is_settled
from faults.wire import Answer

_EVERY = 4  # client in four
_OPTIONS = Options(retries=Retries(total_s=60.0))  # longer than any fault with its recovery, so that no call fails


def uses_library(client: int) -> bool:
    """Whether the client with this number is one of these."""
    return client % _EVERY == _EVERY - 1


def as_library_asks(request: Request) -> Request:
    """The request, or one that the library can make in its place: it keeps a copy instead of lists and pages."""
    return Request("sync") if request.verb in {"list", "page", "sync"} else request


def calls(history: History) -> list[Operation]:
    """All operations of these clients."""
    return [operation for operation in history.operations if uses_library(operation.client)]


def failed_calls(history: History) -> list[Operation]:
    """Those that the library should have repeated until they were answered."""
    return [operation for operation in calls(history) if not is_settled(operation)]


class LibraryUser:
    """One user, and its copy of its tasks."""

    def __init__(self, user_id: str, http: httpx.AsyncClient) -> None:
        self._user_id = UUID(user_id)
        self._http = http
        self._snapshot: Snapshot | None = None

    async def ask(self, gateway_url: str, request: Request) -> Answer:
        """What the call has returned or raised, as the answer to one request."""
        tasks = AsyncClient(gateway_url, self._user_id, options=_OPTIONS, http=self._http)
        try:
            return await self._call(tasks, request)
        except Problem as problem:
            if problem.may_be_done:
                return None, None, LOST, httpx.Headers()
            return problem.status, problem.type, None, _tagged(problem.etag)
        except TaskwireError as error:
            return None, None, LOST if error.may_be_done else UNREACHABLE, httpx.Headers()

    async def _call(self, tasks: AsyncClient, request: Request) -> Answer:
        match request.verb:
            case "sync":
                self._snapshot = await tasks.sync(self._snapshot)
                return _answer(HTTPStatus.OK, _all_of(self._snapshot), None)
            case "get" | "peek":
                return await self._get(tasks, request)
            case "batch":
                results = await tasks.batch([self._operation(one) for one in request.operations])
                return _answer(HTTPStatus.OK, {"results": list(map(_result, results))}, None)
            case "delete":
                await tasks.delete(request.task_id or "", if_unchanged=self._seen(request, request.if_match))
                return _answer(HTTPStatus.NO_CONTENT, None, None)
            case "create":
                task = await tasks.create(request.title or "", **_details(request))
                return _answer(HTTPStatus.CREATED, task.to_json(), task.etag)
            case _:
                task = await self._changed(tasks, request)
                return _answer(HTTPStatus.OK, task.to_json(), task.etag)

    async def _get(self, tasks: AsyncClient, request: Request) -> Answer:
        known = self._seen(request, request.if_none_match)
        task = await (tasks.get(request.task_id or "") if known is None else tasks.refresh(known))
        if task is known:
            return _answer(HTTPStatus.NOT_MODIFIED, None, task.etag)
        return _answer(HTTPStatus.OK, task.to_json(), task.etag)

    async def _changed(self, tasks: AsyncClient, request: Request) -> Task:
        task_id, seen = request.task_id or "", self._seen(request, request.if_match)
        match request.verb:
            case "replace":
                title = request.title or ""
                return await tasks.replace(task_id, title, if_unchanged=seen, **_details(request))
            case "patch":
                return await tasks.patch(task_id, if_unchanged=seen, **_fields(request))
            case _:
                return await tasks.complete(task_id, is_completed=request.is_completed, if_unchanged=seen)

    def _operation(self, request: Request) -> BatchOperation:
        task_id, seen = request.task_id or "", self._seen(request, request.if_match)
        match request.verb:
            case "create":
                return BatchOperation.create(request.title or "", **_details(request))
            case "replace":
                return BatchOperation.replace(task_id, request.title or "", if_unchanged=seen, **_details(request))
            case "patch":
                return BatchOperation.patch(task_id, if_unchanged=seen, **_fields(request))
            case "delete":
                return BatchOperation.delete(task_id, if_unchanged=seen)
            case _:
                return BatchOperation.complete(task_id, is_completed=request.is_completed, if_unchanged=seen)

    def _seen(self, request: Request, etag: str | None) -> Task | None:
        """A task that was seen with this entity tag; nothing else of it counts."""
        if etag is None:
            return None
        epoch = datetime.fromtimestamp(0, UTC)
        return Task(
            UUID(request.task_id), "", None, is_completed=False, created_at=epoch, user_id=self._user_id, etag=etag
        )


def _details(request: Request) -> Details:
    return Details(description=request.description, is_completed=bool(request.is_completed))


def _fields(request: Request) -> Fields:
    fields = Fields()
    if "title" in request.changed:
        fields["title"] = request.title or ""
    if "description" in request.changed:
        fields["description"] = request.description
    if "is_completed" in request.changed:
        fields["is_completed"] = bool(request.is_completed)
    return fields


def _all_of(snapshot: Snapshot) -> Any:
    return {
        "revision": snapshot.revision,
        "changed": [task.to_json() for task in snapshot.newest_first()],
        "deleted": [],
    }


def _result(result: BatchResult) -> dict[str, Any]:
    """The result as the API has it."""
    members: dict[str, Any] = {"status": result.status}
    if result.task is not None:
        members |= {"task": result.task.to_json(), "etag": result.task.etag}
    if result.problem is not None:
        members |= {"problem": {"type": result.problem.type}, "etag": result.problem.etag}
    return members


def _answer(status: HTTPStatus, body: Any, etag: str | None) -> Answer:
    return int(status), body, None, _tagged(etag)


def _tagged(etag: str | None) -> httpx.Headers:
    return httpx.Headers({} if etag is None else {"ETag": etag})

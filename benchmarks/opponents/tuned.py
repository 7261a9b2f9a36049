"""T: the same single service tuned by an expert, who knows what each layer costs and leaves out what is not needed.

Plain routes, prepared statements, JSON built by PostgreSQL and passed on as bytes, the body checked in one pydantic
call. Neither row-level security nor a command log.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import FastAPI, HTTPException
from psycopg import AsyncConnection
from psycopg.adapt import Buffer, Loader
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from benchmarks.opponents import tuned_sql
from benchmarks.opponents.settings import load

type Connection = AsyncConnection[tuple[Any, ...]]


class TaskBody(BaseModel):
    """The body of a POST or a PUT."""

    model_config = ConfigDict(extra="forbid", strict=True)

    title: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    description: Annotated[str, StringConstraints(max_length=2000)] | None = None
    is_completed: bool = False


class CompletionBody(BaseModel):
    """The body of a PATCH of the completion; without a value it is flipped."""

    model_config = ConfigDict(extra="forbid", strict=True)

    is_completed: bool | None = None


class JsonBytes(Loader):
    """A response with PostgreSQL's JSON, unchanged."""

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


async def list_tasks(request: Request) -> Response:
    """All tasks of the user, newest first."""
    return _json(await _first_value(request, tuned_sql.LIST_TASKS, {"user_id": _path_uuid(request, "user_id")}))


async def find_task(request: Request) -> Response:
    """One task of the user."""
    return _found(await _first_value(request, tuned_sql.FIND_TASK, _task_ids(request)))


async def create_task(request: Request) -> Response:
    """Creates a task and answers with it."""
    ids = {"user_id": _path_uuid(request, "user_id"), "task_id": uuid4()}
    body = await _body(request, TaskBody)
    task = await _first_value(request, tuned_sql.CREATE_TASK, {**ids, **dict(body)})
    return _json(task, 201, {"Location": f"/api/{ids['user_id']}/tasks/{ids['task_id']}"})


async def replace_task(request: Request) -> Response:
    """Replaces the fields that a client sets; those left out get their defaults."""
    ids, body = _task_ids(request), await _body(request, TaskBody)
    return _found(await _first_value(request, tuned_sql.REPLACE_TASK, {**ids, **dict(body)}))


async def delete_task(request: Request) -> Response:
    """Deletes a task."""
    deleted = await _first_value(request, tuned_sql.DELETE_TASK, _task_ids(request))
    return Response(status_code=204 if deleted else 404)


async def complete_task(request: Request) -> Response:
    """Sets a task's completion, or flips it."""
    ids, body = _task_ids(request), await _body(request, CompletionBody)
    return _found(await _first_value(request, tuned_sql.COMPLETE_TASK, {**ids, **dict(body)}))


def _path_uuid(request: Request, name: str) -> UUID:
    try:
        return UUID(request.path_params[name])
    except ValueError:
        raise HTTPException(400) from None


def _task_ids(request: Request) -> dict[str, UUID]:
    return {"user_id": _path_uuid(request, "user_id"), "task_id": _path_uuid(request, "task_id")}


async def _body[Body: BaseModel](request: Request, model: type[Body]) -> Body:
    try:
        return model.model_validate_json(await request.body() or b"{}")
    except ValidationError:
        raise HTTPException(422) from None


def _json(body: bytes | None, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, headers, "application/json")


def _found(task: bytes | None) -> Response:
    return Response(status_code=404) if task is None else _json(task)


async def _first_value(request: Request, sql: str, values: Mapping[str, Any]) -> bytes | None:
    pool: AsyncConnectionPool[Connection] = request.app.state.pool
    async with pool.connection() as connection:
        row = await (await connection.execute(sql.encode(), values)).fetchone()
    return row[0] if row else None


async def _configure(connection: Connection) -> None:
    connection.adapters.register_loader("json", JsonBytes)


def create_app() -> FastAPI:
    """The service, its settings from the environment, for `uvicorn --factory`."""
    settings = load()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        options = {"autocommit": True, "prepare_threshold": 0}
        size = settings.pool_size
        url = settings.database_url.get_secret_value()
        pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url, kwargs=options, min_size=size, max_size=size, configure=_configure, open=False
        )
        async with pool:
            app.state.pool = pool
            yield

    app = FastAPI(title="Tuned", lifespan=lifespan, openapi_url=None)
    app.add_route("/api/{user_id}/tasks", list_tasks, ["GET"])
    app.add_route("/api/{user_id}/tasks", create_task, ["POST"])
    app.add_route("/api/{user_id}/tasks/{task_id}", find_task, ["GET"])
    app.add_route("/api/{user_id}/tasks/{task_id}", replace_task, ["PUT"])
    app.add_route("/api/{user_id}/tasks/{task_id}", delete_task, ["DELETE"])
    app.add_route("/api/{user_id}/tasks/{task_id}/complete", complete_task, ["PATCH"])
    return app

"""T: the same single service tuned by an expert, who knows what each layer costs and leaves out what is not needed.

Plain routes, prepared statements, JSON built by PostgreSQL and passed on as bytes, the body checked in one pydantic
call. Neither row-level security nor a command log. Only the paths that are measured: list, create, read.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import FastAPI
from psycopg import AsyncConnection
from psycopg.adapt import Buffer, Loader
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from benchmarks.opponents.settings import load

type Connection = AsyncConnection[tuple[Any, ...]]

LIST_TASKS = """
select coalesce(json_agg(task), '[]')
from (
  select id, title, description, is_completed, created_at, user_id
  from tasks
  where user_id = %(user_id)s
  order by created_at desc, id desc
) as task
"""

FIND_TASK = """
select row_to_json(task)
from (
  select id, title, description, is_completed, created_at, user_id
  from tasks
  where id = %(task_id)s and user_id = %(user_id)s
) as task
"""

CREATE_TASK = """
with task as (
  insert into tasks (id, title, description, is_completed, created_at, user_id)
  values (%(task_id)s, %(title)s, %(description)s, %(is_completed)s, clock_timestamp(), %(user_id)s)
  returning id, title, description, is_completed, created_at, user_id
)
select row_to_json(task) from task
"""


class TaskBody(BaseModel):
    """The body of a POST."""

    model_config = ConfigDict(extra="forbid", strict=True)

    title: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    description: Annotated[str, StringConstraints(max_length=2000)] | None = None
    is_completed: bool = False


class JsonBytes(Loader):
    """A response with PostgreSQL's JSON, unchanged."""

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


async def list_tasks(request: Request) -> Response:
    """All tasks of the user, newest first."""
    user_id = _path_uuid(request, "user_id")
    if user_id is None:
        return Response(status_code=400)
    return _json(await _first_value(request, LIST_TASKS, {"user_id": user_id}))


async def find_task(request: Request) -> Response:
    """One task of the user."""
    user_id, task_id = _path_uuid(request, "user_id"), _path_uuid(request, "task_id")
    if user_id is None or task_id is None:
        return Response(status_code=400)
    task = await _first_value(request, FIND_TASK, {"user_id": user_id, "task_id": task_id})
    return Response(status_code=404) if task is None else _json(task)


async def create_task(request: Request) -> Response:
    """Creates a task and answers with it."""
    user_id, task_id = _path_uuid(request, "user_id"), uuid4()
    if user_id is None:
        return Response(status_code=400)
    try:
        body = TaskBody.model_validate_json(await request.body())
    except ValidationError:
        return Response(status_code=422)
    task = await _first_value(request, CREATE_TASK, {"user_id": user_id, "task_id": task_id, **dict(body)})
    return _json(task, 201, {"Location": f"/api/{user_id}/tasks/{task_id}"})


def _path_uuid(request: Request, name: str) -> UUID | None:
    try:
        return UUID(request.path_params[name])
    except ValueError:
        return None


def _json(body: bytes | None, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, headers, "application/json")


async def _first_value(request: Request, sql: str, values: dict[str, Any]) -> bytes | None:
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
    app.add_route("/api/{user_id}/tasks/{task_id}", find_task, ["GET"])
    app.add_route("/api/{user_id}/tasks", create_task, ["POST"])
    return app

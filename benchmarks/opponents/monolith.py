"""M: the monolith that Taskwire grew from, written as FastAPI's and SQLModel's own guides teach it, but lean.

One service, an AsyncSession per request from a dependency, models for table, body and answer. A write does not read
its row again: sessions keep their objects after a commit (`expire_on_commit=False`), and nothing calls `refresh` as the
guides do, since the service makes every value of a row itself.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from sqlalchemy import TIMESTAMP, Column
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlmodel import Field, SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from benchmarks.opponents.settings import load


class TaskCreate(SQLModel):
    """The body of a POST."""

    title: str = Field(min_length=1, max_length=255)
    description: str | None = Field(default=None, max_length=2000)
    is_completed: bool = False


class Task(TaskCreate, table=True):
    """A row."""

    __tablename__ = "tasks"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    created_at: datetime = Field(
        default_factory=lambda: datetime.now(UTC), sa_column=Column(TIMESTAMP(timezone=True), nullable=False)
    )
    user_id: UUID = Field(index=True)


class Completion(SQLModel):
    """The body of a PATCH of the completion; without a value it is flipped."""

    is_completed: bool | None = None


class TaskRead(TaskCreate):
    """An answer."""

    id: UUID
    created_at: datetime
    user_id: UUID


async def get_session(request: Request) -> AsyncIterator[AsyncSession]:
    """A session for one request."""
    sessions: async_sessionmaker[AsyncSession] = request.app.state.sessions
    async with sessions() as session:
        yield session


Session = Annotated[AsyncSession, Depends(get_session)]


async def list_tasks(user_id: UUID, session: Session) -> list[Task]:
    """All tasks of the user, newest first."""
    newest_first = (col(Task.created_at).desc(), col(Task.id).desc())
    tasks = await session.exec(select(Task).where(Task.user_id == user_id).order_by(*newest_first))
    return list(tasks.all())


async def find_task(user_id: UUID, task_id: UUID, session: Session) -> Task:
    """One task of the user."""
    task = (await session.exec(select(Task).where(Task.id == task_id, Task.user_id == user_id))).first()
    if task is None:
        raise HTTPException(404, "Task not found")
    return task


async def create_task(user_id: UUID, body: TaskCreate, session: Session, response: Response) -> Task:
    """Creates a task and answers with it."""
    task = Task(**body.model_dump(), user_id=user_id)
    session.add(task)
    await session.commit()
    response.headers["Location"] = f"/api/{user_id}/tasks/{task.id}"
    return task


async def replace_task(user_id: UUID, task_id: UUID, body: TaskCreate, session: Session) -> Task:
    """Replaces the fields that a client sets; those left out get their defaults."""
    task = await find_task(user_id, task_id, session)
    task.sqlmodel_update(body.model_dump())
    await session.commit()
    return task


async def delete_task(user_id: UUID, task_id: UUID, session: Session) -> None:
    """Deletes a task."""
    await session.delete(await find_task(user_id, task_id, session))
    await session.commit()


async def complete_task(user_id: UUID, task_id: UUID, session: Session, body: Completion | None = None) -> Task:
    """Sets a task's completion, or flips it."""
    task = await find_task(user_id, task_id, session)
    wanted = body.is_completed if body else None
    task.is_completed = not task.is_completed if wanted is None else wanted
    await session.commit()
    return task


def create_app() -> FastAPI:
    """The service, its settings from the environment, for `uvicorn --factory`."""
    settings = load()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        url = settings.database_url.get_secret_value().replace("postgresql://", "postgresql+psycopg://", 1)
        engine = create_async_engine(url, pool_size=settings.pool_size, max_overflow=0)
        app.state.sessions = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
        yield
        await engine.dispose()

    app = FastAPI(title="Monolith", lifespan=lifespan)
    app.get("/api/{user_id}/tasks", response_model=list[TaskRead])(list_tasks)
    app.post("/api/{user_id}/tasks", response_model=TaskRead, status_code=201)(create_task)
    app.get("/api/{user_id}/tasks/{task_id}", response_model=TaskRead)(find_task)
    app.put("/api/{user_id}/tasks/{task_id}", response_model=TaskRead)(replace_task)
    app.delete("/api/{user_id}/tasks/{task_id}", status_code=204)(delete_task)
    app.patch("/api/{user_id}/tasks/{task_id}/complete", response_model=TaskRead)(complete_task)
    return app

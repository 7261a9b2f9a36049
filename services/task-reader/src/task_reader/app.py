"""Builds and runs the task-reader."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common.http.app import make_app
from common.http.path_operations import path_operations
from common.http_server.server import serve
from common.observability.admin import open_admin
from common.observability.health import Health
from common.observability.logs import configure_logging
from common.observability.tracing import open_tracing
from common.postgres.database import DatabaseUnavailable, open_database
from common.settings import load
from fastapi import FastAPI
from fastapi.params import Depends
from psycopg import OperationalError

from task_reader import routes
from task_reader.list_cache import ListCache
from task_reader.metrics import show_list_cache
from task_reader.reader_token import require_token
from task_reader.settings import ReaderSettings


def create_app(settings: ReaderSettings) -> FastAPI:
    """The reader as an ASGI app. It answers 503 until PostgreSQL is available."""

    health = Health("task-reader", enough=all)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            open_admin(settings, health),
            open_tracing(health.service, settings),
            open_database(settings.reader_database_url, settings) as database,
        ):
            app.state.database = database
            health.start(database=database.component)
            yield

    app = make_app("Taskwire task-reader", lifespan)
    app.state.health = health
    app.state.list_cache = ListCache(settings.list_cache_bytes)
    show_list_cache(app.state.list_cache)
    app.add_exception_handler(DatabaseUnavailable, routes.answer_unavailable)
    app.add_exception_handler(OperationalError, routes.answer_unavailable)
    guards = [Depends(require_token(settings.reader_token))] if settings.reader_token else []
    app.router.routes += path_operations(routes.reads, guards)
    return app


def main() -> None:
    """The `task-reader` command."""
    settings = load(ReaderSettings)
    configure_logging(settings.log_level, style=settings.log_format, log_each=settings.log_requests)
    app = create_app(settings)
    serve(app, settings, app.state.health)

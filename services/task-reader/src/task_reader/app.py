"""Builds and runs the task-reader."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from functools import partial

from common.http.app import make_app
from common.http.path_operations import path_operations
from common.http_server.server import serve
from common.observability.admin import open_admin
from common.observability.health import Health
from common.observability.logs import configure_logging
from common.observability.tracing import open_tracing
from common.postgres.database import DatabaseUnavailable, open_database
from common.runtime.background import running
from common.settings import load
from fastapi import FastAPI
from fastapi.params import Depends
from psycopg import OperationalError

from task_reader import routes
from task_reader.list_cache import ListCache
from task_reader.metrics import show_list_cache, show_replication
from task_reader.queries import look_at_replication
from task_reader.reader_token import require_token
from task_reader.replication import Look, Replication
from task_reader.settings import ReaderSettings
from task_reader.status import status


def create_app(settings: ReaderSettings) -> FastAPI:
    """The reader as an ASGI app. It answers 503 until PostgreSQL is available."""

    health = Health("task-reader", enough=all)
    replication = Replication(settings.replica_max_lag_s, health.components)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            open_admin(settings, health),
            open_tracing(health.service, settings),
            open_database(settings.reader_database_url, settings) as database,
        ):
            app.state.database = database
            health.start(database=database.component)

            def look(names_primary: bool) -> Awaitable[Look]:
                return database.run(partial(look_at_replication, names_primary=names_primary))

            async with running("replication watch", partial(replication.watch, look, database.component)):
                yield

    app = make_app("Taskwire task-reader", lifespan)
    app.state.health = health
    app.state.list_cache = ListCache(settings.list_cache_bytes)
    show_list_cache(app.state.list_cache)
    app.state.replication = replication
    show_replication(replication)
    app.add_exception_handler(DatabaseUnavailable, routes.answer_unavailable)
    app.add_exception_handler(OperationalError, routes.answer_unavailable)
    guards = [Depends(require_token(settings.reader_token))] if settings.reader_token else []
    app.router.routes += path_operations(routes.reads, [*guards, Depends(routes.require_fresh_database)])
    app.router.routes += path_operations(status, guards)
    return app


def main() -> None:
    """The `task-reader` command."""
    settings = load(ReaderSettings)
    configure_logging(settings.log_level, style=settings.log_format, log_each=settings.log_requests)
    app = create_app(settings)
    serve(app, settings, app.state.health)

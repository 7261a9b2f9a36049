"""Builds and runs the gateway."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common.admin import open_admin
from common.health import Health
from common.routing import add_route, make_app
from common.server import serve
from common.settings import configure_logging, load
from fastapi import FastAPI

from gateway import writes
from gateway.bus_link import open_bus
from gateway.cors import ANSWER_HEADERS, REQUEST_HEADERS, ProblemCors
from gateway.docs import add_docs
from gateway.reads import find_task, list_tasks, open_reads
from gateway.settings import GatewaySettings

TASKS = "/api/{user_id}/tasks"
TASK = "/api/{user_id}/tasks/{task_id}"
COMPLETE = "/api/{user_id}/tasks/{task_id}/complete"


def create_app(settings: GatewaySettings) -> FastAPI:
    """The gateway as an ASGI app. It serves once the bus is up, or without it after BUS_START_TIMEOUT_S: so one that is
    started again in its turn refuses nothing. Reads and writes answer 503 until their servers are there.
    """

    health = Health(enough=any)  # one of reads and writes: to be told 503 for the other beats no answer for both

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_reads(settings) as reads, open_bus(settings) as bus:
            app.state.reads, app.state.bus, app.state.settings = reads, bus, settings
            health.parts.update(task_reader=reads.part, bus=bus.part)
            async with open_admin(settings, health):
                yield

    app = make_app("Taskwire", lifespan)
    app.state.health = health
    add_route(app, "GET", TASKS, list_tasks)
    add_route(app, "POST", TASKS, writes.create_task)
    add_route(app, "GET", TASK, find_task)
    add_route(app, "PUT", TASK, writes.replace_task)
    add_route(app, "DELETE", TASK, writes.delete_task)
    add_route(app, "PATCH", COMPLETE, writes.toggle_task)
    add_docs(app)
    if settings.cors_origins:
        app.add_middleware(
            ProblemCors,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=REQUEST_HEADERS,
            expose_headers=ANSWER_HEADERS,
        )
    return app


def main() -> None:
    """The `gateway` command."""
    settings = load(GatewaySettings)
    configure_logging(settings.log_level)
    app = create_app(settings)
    serve(app, host=settings.host, port=settings.port, health=app.state.health)

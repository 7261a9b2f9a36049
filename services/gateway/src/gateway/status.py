"""The status page of the admin port: health and throughput, from the metrics of this gateway, and the databases."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from common.observability.admin import AdminAnswer, AdminRoutes, open_admin
from common.observability.health import Health
from common.runtime.background import running

from gateway.reader_statuses import look_at_databases
from gateway.settings import GatewaySettings
from gateway.status_samples import History, sample

PAGE = Path(__file__).parent / "static" / "status.html"


@asynccontextmanager
async def open_status(settings: GatewaySettings, health: Health) -> AsyncIterator[None]:
    """Serves the admin port with the page and what it needs, and keeps its history. Does nothing without ADMIN_PORT."""
    if settings.admin_port is None:
        yield
        return
    history = History()
    async with (
        open_admin(settings, health, status_routes(settings, health, history)),
        running("status history", history.keep_sampling),
    ):
        yield


def status_routes(settings: GatewaySettings, health: Health, history: History) -> AdminRoutes:
    """The page at `/`, the history that it begins with, and the JSON that it polls once a second while it is open."""

    async def page() -> AdminAnswer:
        return AdminAnswer(PAGE.read_bytes(), "text/html; charset=utf-8")

    async def past() -> AdminAnswer:
        return AdminAnswer(history.as_json(), "application/json")

    async def status() -> AdminAnswer:
        ready, components = await health.look()
        databases = await look_at_databases(settings)
        status_now = {
            "version": version(health.service),
            "ready": ready,
            "components": components,
            "postgres": databases.as_json(),
            **sample(),
        }
        return AdminAnswer(json.dumps(status_now).encode(), "application/json")

    return {"/": page, "/history.json": past, "/status.json": status}

"""Builds and runs the gateway."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from common.admin import open_admin
from common.health import Health
from common.logs import configure_logging
from common.routing import Endpoint, add_route, make_app
from common.server import serve
from common.settings import load
from common.tracing import open_tracing
from fastapi import FastAPI

from gateway import writes
from gateway.command_lane import open_command_lane
from gateway.cors import allow_pages
from gateway.docs import add_docs
from gateway.openapi import openapi_document
from gateway.rate_limits import Buckets, Policy, RateLimits, for_few_requests
from gateway.read_lanes import open_read_lanes
from gateway.reads import find_task, list_tasks
from gateway.settings import GatewaySettings
from gateway.status import status_pages

TASKS = "/api/{user_id}/tasks"
TASK = "/api/{user_id}/tasks/{task_id}"
COMPLETE = "/api/{user_id}/tasks/{task_id}/complete"

ENDPOINTS: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", TASKS, list_tasks),
    ("POST", TASKS, writes.create_task),
    ("GET", TASK, find_task),
    ("PUT", TASK, writes.replace_task),
    ("DELETE", TASK, writes.delete_task),
    ("PATCH", COMPLETE, writes.toggle_task),
)


def create_app(settings: GatewaySettings) -> FastAPI:
    """The gateway as an ASGI app. It serves once the bus is up, or without it after BUS_START_TIMEOUT_S: so one that is
    started again in its turn refuses nothing. Reads and writes answer 503 until their servers are there.
    """

    health = Health("gateway", enough=any)  # to be told 503 for writes beats no answer for reads as well

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            open_admin(settings, health, status_pages(health)),
            open_tracing(health.service, settings, settings.sampling),
            _open_tokens(settings) as tokens,
            open_read_lanes(settings) as reads,
            open_command_lane(settings) as (commands, bus),
        ):
            app.state.reads, app.state.commands, app.state.settings = reads, commands, settings
            app.state.tokens = tokens
            health.start(task_reader=reads.part, bus=bus)
            yield

    app = make_app("Taskwire", lifespan)
    app.state.health = health
    has_rates = bool(settings.user_requests_per_s or settings.address_requests_per_s)
    guard = _guard(settings)
    for method, path, endpoint in ENDPOINTS:
        add_route(app, method, path, guard(endpoint))
    add_docs(app, openapi_document(jwt=settings.auth_mode == "jwt", rates=has_rates))
    if has_rates:
        app.add_middleware(RateLimits, settings=settings)
    if settings.cors_origins:
        allow_pages(app, settings.cors_origins)
    return app


def _guard(settings: GatewaySettings) -> Callable[[Endpoint], Endpoint]:
    """What stands before every endpoint. A user's requests are counted once it is certain that they are the user's."""
    per_s = settings.user_requests_per_s
    users = Buckets(Policy("user", per_s, settings.user_burst)) if per_s else None

    def guarded(endpoint: Endpoint) -> Endpoint:
        if users is not None:
            endpoint = for_few_requests(endpoint, users)
        if settings.auth_mode == "off":
            return endpoint
        from gateway.identity import for_owner  # noqa: PLC0415 - as below

        return for_owner(endpoint)

    return guarded


def _open_tokens(settings: GatewaySettings) -> AbstractAsyncContextManager[object]:
    """What verifies tokens, or None. Loaded when it is needed: PyJWT and cryptography take 11 MB of a process."""
    if settings.auth_mode == "off":
        return nullcontext()
    from gateway.identity import open_tokens  # noqa: PLC0415

    return open_tokens(settings)


def main() -> None:
    """The `gateway` command."""
    settings = load(GatewaySettings)
    configure_logging(settings.log_level, style=settings.log_format, each_wish=settings.log_requests)
    app = create_app(settings)
    serve(app, settings, app.state.health)

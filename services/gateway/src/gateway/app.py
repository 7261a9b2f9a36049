"""Builds and runs the gateway."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from importlib.metadata import version

from common.http.app import make_app
from common.http.lean_route import Responses
from common.http.path_operations import path_operations
from common.http.problems import ProblemType
from common.http_server.server import serve
from common.observability.health import Health
from common.observability.logs import configure_logging
from common.observability.tracing import open_tracing
from common.settings import load
from fastapi import FastAPI
from fastapi.params import Depends as Guard

from gateway.batch import batch
from gateway.changes import changes
from gateway.cors import enable_cors
from gateway.docs import docs_router
from gateway.events import events
from gateway.hint_link import open_event_hub
from gateway.home import home_router
from gateway.openapi import ABOUT
from gateway.problem_responses import RATE_PROBLEMS, TOKEN_PROBLEMS, problems
from gateway.rate_limits import RateLimits, rate_limited, token_buckets
from gateway.read_lanes import open_read_lanes
from gateway.settings import GatewaySettings
from gateway.status import open_status
from gateway.tasks import tasks
from gateway.write_lanes import open_write_lanes


def create_app(settings: GatewaySettings) -> FastAPI:
    """The gateway as an ASGI app. It starts serving once RabbitMQ is up, or after BUS_START_TIMEOUT_S without it, so
    that a rolling restart refuses nothing. Reads and writes answer 503 until their backends are up.
    """

    health = Health("gateway", enough=any)  # one working backend is better than none

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            open_status(settings, health),
            open_tracing(health.service, settings, settings.sampling),
            _open_tokens(settings) as tokens,
            open_read_lanes(settings) as reads,
            open_write_lanes(settings) as writes,
            open_event_hub(settings, reads.for_events) as hub,
        ):
            app.state.reads, app.state.settings = reads, settings
            app.state.commands, app.state.batches = writes.commands, writes.batches
            app.state.tokens, app.state.events = tokens, hub
            health.start(**reads.components, bus=writes.component)
            yield

    app = make_app("Taskwire", lifespan, version=version("gateway"), **ABOUT)
    app.state.health = health
    guards = _guards(settings)
    for router in (tasks, batch, changes, events):
        app.router.routes += path_operations(router, *guards)
    app.router.routes += path_operations(docs_router(app))
    if settings.home_page:
        app.router.routes += path_operations(home_router(settings))
    if _has_rates(settings):
        app.add_middleware(RateLimits, settings=settings)
    if settings.cors_origins:
        enable_cors(app, settings.cors_origins)
    return app


def _guards(settings: GatewaySettings) -> tuple[list[Guard], Responses]:
    """The dependencies that run before every operation, and their problem responses. A user's requests count only after
    authentication."""
    guards: list[Guard] = []
    kinds: list[ProblemType] = []
    if settings.auth_mode == "jwt":
        from gateway.identity import require_owner  # noqa: PLC0415 - as below

        guards.append(Guard(require_owner))
        kinds += TOKEN_PROBLEMS
    if per_s := settings.user_requests_per_s:
        guards.append(Guard(rate_limited(token_buckets("user", per_s, settings.user_burst))))
    if _has_rates(settings):
        kinds += RATE_PROBLEMS
    return guards, problems(*kinds)


def _has_rates(settings: GatewaySettings) -> bool:
    return bool(settings.user_requests_per_s or settings.address_requests_per_s)


def _open_tokens(settings: GatewaySettings) -> AbstractAsyncContextManager[object]:
    """The token verifier, or None. Imported only when needed: PyJWT and cryptography take 11 MB per process."""
    if settings.auth_mode == "off":
        return nullcontext()
    from gateway.identity import open_tokens  # noqa: PLC0415

    return open_tokens(settings)


def main() -> None:
    """The `gateway` command."""
    settings = load(GatewaySettings)
    configure_logging(settings.log_level, style=settings.log_format, log_each=settings.log_requests)
    app = create_app(settings)
    serve(app, settings, app.state.health)

"""Apps whose routes call their endpoint with the request and nothing else.

FastAPI's own routes resolve parameters, dependencies and response models on every request, which was measured at 27 to
40 µs, as much as all else in the framework together. The services check paths and bodies themselves and do without.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from common.http.app import App
from common.http.problem_answers import answer_with_problems

type Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class _EndpointApp:
    """An endpoint as an ASGI app. Starlette would wrap a plain function in a second handler of exceptions, inside the
    one that every app has."""

    endpoint: Endpoint
    path: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.endpoint(Request(scope, receive, send))
        await response(scope, receive, send)


type Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
"""FastAPI would look for OpenTelemetry's providers on every request: 4 % of a write's CPU time in the gateway."""


def make_app(title: str, lifespan: Lifespan, **documented: Any) -> App:
    """An app without routes that answers every error with a problem. `documented` goes into its OpenAPI document."""
    plain: dict[str, Any] = {"redirect_slashes": False, "openapi_url": None, "telemetry": NO_TELEMETRY}
    app = App(title=title, lifespan=lifespan, **plain, **documented)
    answer_with_problems(app)
    return app


def add_route(app: FastAPI, method: str, path: str, endpoint: Endpoint) -> None:
    """Serves `method` on `path`, with GET also HEAD: the server keeps the body of its answer to itself. OPTIONS is
    answered for every path, by problem_answers.py."""
    app.router.routes.append(Route(path, _EndpointApp(endpoint, path), methods=[method]))

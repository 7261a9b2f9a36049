"""Routes that call their endpoint with the request and nothing else.

FastAPI's own routes resolve parameters, dependencies and response models on every request, which was measured at 27 to
40 µs, as much as all else in the framework together. The services check paths and bodies themselves and do without.
"""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

type Endpoint = Callable[[Request], Awaitable[Response]]


def add_route(app: FastAPI, method: str, path: str, endpoint: Endpoint) -> None:
    """Serves `method` on `path`, and no other method: Starlette would add HEAD to every GET."""
    route = Route(path, endpoint, methods=[method])
    route.methods = {method}
    app.router.routes.append(route)

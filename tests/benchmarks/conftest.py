"""A server to load."""

from collections.abc import AsyncIterator

import pytest
from starlette.requests import Request
from starlette.responses import Response

from benchmarks.opponents import bare as bare_app
from tests.serving import Served, serving


@pytest.fixture
async def bare() -> AsyncIterator[Served]:
    """The bare route, another one that takes only JSON bodies, one for who bears the token of the path's user, and one
    that answers with the status in its path."""
    app = bare_app.create_app()

    async def echo(request: Request) -> Response:
        is_json = request.headers["content-type"] == "application/json"
        return Response(await request.body(), 200 if is_json and await request.json() else 400)

    async def guarded(request: Request) -> Response:
        is_owner = request.headers.get("authorization") == f"Bearer token-of-{request.path_params['user_id']}"
        return Response(status_code=200 if is_owner else 401)

    async def answer(request: Request) -> Response:
        return Response(status_code=int(request.path_params["status"]))

    app.add_route("/answers/{status}", answer)
    app.add_route("/echo", echo, ["POST"])
    app.add_route("/api/{user_id}/tasks/1", guarded)
    async with serving(app) as served:
        yield served

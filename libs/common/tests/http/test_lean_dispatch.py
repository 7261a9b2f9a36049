"""What the table finds is what FastAPI's router would find, and is answered in the same way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

import pytest
from common.http.app import make_app
from common.http.lean_dispatch import LeanDispatch
from common.http.lean_route import LeanRoute
from common.http.path_operations import path_operations
from common.http.problems import TASK_NOT_FOUND, Problem
from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Message

from tests.serving import Answer, serving

ID = "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11"
DIFFERS = {"x-request-id", "date"}


class Handled(Exception):
    """Answered by a handler of the app."""


class Unhandled(Exception):
    """A bug."""


@asynccontextmanager
async def nothing_to_open(_: FastAPI) -> AsyncIterator[None]:
    yield


async def answer_handled(_: Request, error: Exception) -> Response:
    return Response(f"handled {error}", 409)


def app_with(*, table: bool) -> FastAPI:
    router = APIRouter(route_class=LeanRoute)

    @router.get("/things/{thing}")
    async def find(thing: UUID, request: Request) -> Response:
        return Response(f"{thing} {request.scope['route'].path} {request.path_params}")

    @router.put("/things/{thing}")
    async def fail(thing: UUID) -> Response:
        raise HTTPException(418)

    @router.get("/things/{thing}/parts")
    async def parts(thing: UUID) -> Response:
        raise Problem(TASK_NOT_FOUND, str(thing), headers={"X-Reason": "none"})

    @router.get("/things/all/parts")
    async def never() -> Response:
        return Response("the route before takes it")

    @router.post("/things")
    async def handled() -> Response:
        raise Handled("once") from ValueError()

    @router.delete("/things")
    async def bug() -> Response:
        raise Unhandled

    app = make_app("Test", nothing_to_open)
    app.add_exception_handler(Handled, answer_handled)
    app.router.routes += path_operations(router)

    @app.get("/plain")
    async def plain() -> dict[str, str]:
        return {"of": "FastAPI"}

    if not table:
        app.middleware_stack = FastAPI.build_middleware_stack(app)
    return app


async def asked(app: FastAPI, method: str, path: str) -> Answer:
    async with serving(app) as served:
        answer = await served.ask(method, path)
    return replace(answer, headers={name: value for name, value in answer.headers.items() if name not in DIFFERS})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"/things/{ID}", 200),
        ("HEAD", f"/things/{ID}", 200),
        ("GET", "/things/7", 400),
        ("PUT", f"/things/{ID}", 418),
        ("POST", f"/things/{ID}", 405),
        ("OPTIONS", f"/things/{ID}", 204),
        ("GET", f"/things/{ID}/parts", 404),
        ("GET", "/things/all/parts", 400),
        ("POST", "/things", 409),
        ("DELETE", "/things", 500),
        ("GET", "/plain", 200),
        ("GET", "/things/", 404),
        ("GET", f"/things/{ID}/parts/", 404),
        ("GET", f"//things/{ID}", 404),
    ],
)
async def test_it_answers_as_fastapi_does(method: str, path: str, status: int) -> None:
    answer, without = [await asked(app_with(table=table), method, path) for table in (True, False)]

    assert answer == without
    assert answer.status == status


def test_without_the_table_there_is_none() -> None:
    assert isinstance(app_with(table=True).build_middleware_stack(), LeanDispatch)
    assert not isinstance(app_with(table=False).middleware_stack, LeanDispatch)


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/things"), ("GET", "/plain-bug")], ids=["lean", "FastAPI's"])
async def test_a_page_may_read_the_answer_to_a_bug(method: str, path: str) -> None:
    app = app_with(table=True)
    app.add_middleware(CORSMiddleware, allow_origins=["https://app.example"], expose_headers=["X-Request-ID"])

    @app.get("/plain-bug")
    async def bug() -> None:
        raise Unhandled

    async with serving(app) as served:
        answer = await served.ask(method, path, headers={"Origin": "https://app.example"})

    assert (answer.status, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert answer.headers["vary"] == "Origin"


async def test_a_bug_is_raised_for_the_server_to_see() -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: Message) -> None:
        pass

    scope = {"type": "http", "method": "DELETE", "path": "/things", "headers": [], "query_string": b""}
    with pytest.raises(Unhandled):
        await app_with(table=True)(scope, receive, send)

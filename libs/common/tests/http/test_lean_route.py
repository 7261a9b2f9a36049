"""A lean route answers as FastAPI's own route does, checks in the order of its declarations, and refuses the rest."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

import pytest
from common.http.app import make_app
from common.http.lean_route import LeanRoute
from common.http.problems import INVALID_KEY, Problem
from fastapi import APIRouter, BackgroundTasks, Cookie, Depends, FastAPI, Header, Query, Request, Response
from fastapi import Body as JsonPart
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from pydantic import BaseModel, Field, WithJsonSchema

from tests.serving import Answer, serving

USER = "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11"
TASK = "0d4f2c1a-9f6e-4a53-8c0b-5a2f2b7f3d10"
PATH = f"/api/{USER}/tasks/{TASK}"
Key = Annotated[list[str] | None, Header(alias="X-Key", description="A key."), WithJsonSchema({"type": "string"})]


class Body(BaseModel):
    """A body of one field."""

    title: str


class Wanted(BaseModel):
    """All query parameters."""

    limit: int = Field(10, description="How many.", examples=[5])
    order: str = Field("title", alias="sort")


class BodyRoute(LeanRoute):
    """A lean route that reads bodies and queries as their models have them."""

    def query_step(self, model: Any) -> Callable[[Request], Any]:
        return lambda request: model.model_validate(dict(request.query_params))

    def body_step(self, model: Any, media_type: str, *, required: bool) -> Callable[[Request], Awaitable[Any]]:
        async def read(request: Request) -> Any:
            content = await request.body()
            return model.model_validate_json(content) if content or required else None

        return read


class Bearer(HTTPBearer):
    """Says who calls, and documents how."""

    async def __call__(self, request: Request) -> Any:  # type: ignore[override]  # a websocket has no operation
        return _noted(request, "token")


def _noted(request: Request, step: str) -> str:
    request.app.state.steps.append(step)
    return step


async def require_owner(token: Annotated[str, Depends(Bearer())], user_id: UUID, request: Request) -> None:
    _noted(request, f"{token} of {user_id}")


def call_of(user_id: UUID, request: Request, key: Key = None) -> tuple[UUID, list[str] | None]:
    _noted(request, "call")
    if key is not None and len(key) > 1:
        raise Problem(INVALID_KEY, "Send X-Key once.")
    return user_id, key


type Call = tuple[UUID, list[str] | None]


def operations(route_class: type[APIRoute]) -> APIRouter:
    """Operations that use all that a lean route knows."""
    router = APIRouter(prefix="/api/{user_id}/tasks", route_class=route_class, dependencies=[Depends(require_owner)])

    @router.put("/{task_id}", status_code=201)
    async def replace_task(
        user_id: UUID,
        call: Annotated[Call, Depends(call_of)],
        again: Annotated[Call, Depends(call_of)],
        task_id: UUID,
        body: Body,
    ) -> Response:
        """Replace a task."""
        return Response(f"{user_id} {call[1]} {again is call} {task_id} {body.title}")

    @router.get("/{task_id}")
    async def find_task(task_id: UUID, wanted: Annotated[Wanted, Query()], request: Request) -> Response:
        content = f"{task_id} {wanted.limit} {wanted.order}"
        return Response(content, headers={"x-route": request.scope["route"].path})

    return router


@asynccontextmanager
async def nothing_to_open(_: FastAPI) -> AsyncIterator[None]:
    yield


def app_of(route_class: type[APIRoute]) -> FastAPI:
    app = make_app("Test", nothing_to_open)
    app.state.steps = []
    app.router.routes.extend(operations(route_class).routes)
    return app


@pytest.fixture
def app() -> FastAPI:
    return app_of(BodyRoute)


async def put(app: FastAPI, *, path: str = PATH, keys: str | None = "a", body: bytes = b'{"title": "x"}') -> Answer:
    async with serving(app) as served:
        return await served.ask("PUT", path, body=body, headers={"X-Key": keys} if keys else {})


async def test_an_endpoint_gets_all_that_it_declares(app: FastAPI) -> None:
    answer = await put(app)

    assert answer.body.decode() == f"{USER} ['a'] True {TASK} x"


async def test_a_header_that_is_not_sent_is_none(app: FastAPI) -> None:
    answer = await put(app, keys=None)

    assert answer.body.decode() == f"{USER} None True {TASK} x"


async def test_guards_run_first_and_a_dependency_runs_once(app: FastAPI) -> None:
    await put(app)

    assert app.state.steps == ["token", f"token of {USER}", "call"]


async def test_what_is_declared_first_is_checked_first(app: FastAPI) -> None:
    answer = await put(app, path=f"/api/{USER}/tasks/none", body=b"{")

    assert answer.json()["type"] == "urn:taskwire:problem:invalid-id"
    assert app.state.steps == ["token", f"token of {USER}", "call"]


async def test_a_dependency_may_end_the_request(app: FastAPI) -> None:
    app.dependency_overrides = {}
    async with serving(app) as served:
        answer = await served.ask("PUT", f"/api/{USER}1/tasks/{TASK}", body=b"{")

    assert (answer.status, answer.json()["detail"][:7]) == (400, "user_id")
    assert app.state.steps == ["token"]


async def test_query_parameters_come_as_one_model_and_their_names_are_known(app: FastAPI) -> None:
    async with serving(app) as served:
        answer = await served.ask("GET", f"{PATH}?limit=7&sort=id")
        default = await served.ask("GET", PATH)

    assert (answer.body.decode(), default.body.decode()) == (f"{TASK} 7 id", f"{TASK} 10 title")
    assert {getattr(route, "query_names", None) for route in app.routes} >= {("limit", "sort"), ()}


async def test_the_route_is_known_by_its_template(app: FastAPI) -> None:
    async with serving(app) as served:
        answer = await served.ask("GET", PATH)

    assert answer.headers["x-route"] == "/api/{user_id}/tasks/{task_id}"


def test_it_is_documented_as_fastapis_own_route_is() -> None:
    assert app_of(BodyRoute).openapi() == app_of(APIRoute).openapi()


async def test_operations_behind_a_guard_are_those_of_the_router_and_leave_it_as_it_is() -> None:
    steps: list[str] = []
    router = operations(BodyRoute)
    app = make_app("Test", nothing_to_open)
    app.state.steps = steps
    routes = [route for route in router.routes if isinstance(route, LeanRoute)]

    def limit(request: Request) -> None:
        _noted(request, "limit")

    app.router.routes.extend(
        route.with_guards([Depends(limit)], {429: {"description": "Too many"}}) for route in routes
    )

    answer = await put(app)
    assert (answer.status, steps[0]) == (200, "limit")
    described = app.openapi()["paths"]["/api/{user_id}/tasks/{task_id}"]["put"]["responses"]
    assert described["429"] == {"description": "Too many"}
    assert all(429 not in route.responses for route in routes)


def closing() -> Iterator[int]:
    yield 1


async def takes_query(task_id: UUID, limit: Annotated[int, Query()] = 1) -> Response:
    return Response()


async def takes_query_by_default(task_id: UUID, limit: int = 1) -> Response:
    return Response()


def wants(wanted: Annotated[Wanted, Query()]) -> int:
    return wanted.limit


async def takes_two_queries(one: Annotated[Wanted, Query()], limit: Annotated[int, Depends(wants)]) -> Response:
    return Response()


async def takes_cookie(task_id: UUID, session: Annotated[str, Cookie()]) -> Response:
    return Response()


async def takes_two_bodies(task_id: UUID, one: Body, other: Body) -> Response:
    return Response()


async def takes_a_part_of_a_body(task_id: UUID, one: Annotated[Body, JsonPart(embed=True)]) -> Response:
    return Response()


async def takes_one_header(task_id: UUID, key: Annotated[str, Header()]) -> Response:
    return Response()


async def takes_number(task_id: int) -> Response:
    return Response()


async def takes_tasks(task_id: UUID, later: BackgroundTasks) -> Response:
    return Response()


async def takes_response(task_id: UUID, response: Response) -> Response:
    return response


async def takes_keyword(*, task_id: UUID) -> Response:
    return Response()


async def has_to_close(task_id: UUID, number: Annotated[int, Depends(closing)]) -> Response:
    return Response()


def blocks(task_id: UUID) -> Response:
    return Response()


async def returns_a_model(task_id: UUID) -> Body:
    return Body(title=str(task_id))


async def says_nothing_of_its_answer(task_id: UUID):  # type: ignore[no-untyped-def]  # noqa: ANN201, RUF100
    return Response()


@pytest.mark.parametrize(
    "endpoint",
    [
        takes_query, takes_query_by_default, takes_two_queries, takes_cookie, takes_two_bodies, takes_a_part_of_a_body,
        takes_one_header, takes_number, takes_tasks, takes_response,
        takes_keyword, has_to_close, blocks, returns_a_model, says_nothing_of_its_answer,
    ],
)  # fmt: skip
def test_what_only_fastapi_could_serve_is_refused_at_the_start(endpoint: Callable[..., Any]) -> None:
    router = APIRouter(route_class=BodyRoute)

    with pytest.raises(TypeError, match=r"lean route|is not a coroutine"):
        router.get("/tasks/{task_id}")(endpoint)


def test_a_body_is_refused_where_nothing_reads_it() -> None:
    async def takes_body(body: Body) -> Response:
        return Response(body.title)

    with pytest.raises(TypeError, match="cannot read a body"):
        APIRouter(route_class=LeanRoute).post("/tasks")(takes_body)


def test_a_query_is_refused_where_nothing_reads_it() -> None:
    async def takes_wanted(wanted: Annotated[Wanted, Query()]) -> Response:
        return Response(wanted.order)

    with pytest.raises(TypeError, match="cannot read a query"):
        APIRouter(route_class=LeanRoute).get("/tasks")(takes_wanted)

"""The gateway starts without its backends, and answers each request with a problem."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from common.http.lean_dispatch import LeanDispatch
from fastapi.responses import JSONResponse
from gateway.app import create_app, main
from gateway.openapi import openapi_document
from starlette.routing import Match

from tests.serving import Answer, Served, serving

from .in_process import (
    BATCH,
    CHANGES,
    COMPLETE,
    EVENTS,
    JSON,
    TASK,
    TASKS,
    USER,
    app_without_servers,
    lonely_gateway,
    settings,
)

ORIGIN = "https://app.example"
OPERATIONS = [
    pytest.param("GET", TASKS, None, id="list"),
    pytest.param("POST", TASKS, b'{"title": "Buy milk"}', id="create"),
    pytest.param("GET", TASK, None, id="get"),
    pytest.param("PUT", TASK, b'{"title": "Buy milk"}', id="replace"),
    pytest.param("DELETE", TASK, None, id="delete"),
    pytest.param("PATCH", COMPLETE, None, id="complete"),
    pytest.param("GET", CHANGES, None, id="changes"),
]


@pytest.mark.parametrize(("method", "path", "body"), OPERATIONS)
async def test_everything_is_503_while_reader_and_rabbitmq_are_absent(
    gateway: Served, method: str, path: str, body: bytes | None
) -> None:
    answer = await gateway.ask(method, path, body=body, headers=JSON)

    assert (answer.status, answer.headers["content-type"]) == (503, "application/problem+json")
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize(("method", "path", "body"), OPERATIONS)
async def test_a_bad_user_id_is_400_even_then(gateway: Served, method: str, path: str, body: bytes | None) -> None:
    answer = await gateway.ask(method, path.replace("7f1b5f0e", "7f1b5f0"), body=body, headers=JSON)

    assert (answer.status, answer.json()["type"]) == (400, "urn:taskwire:problem:invalid-id")


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/openapi.json", "application/json"),
        ("/docs", "text/html"),
        ("/docs/assets/swagger-ui-bundle.js", "text/javascript"),
        ("/docs/assets/swagger-ui.css", "text/css"),
        ("/docs/assets/favicon-32x32.png", "image/png"),
    ],
)
async def test_the_documentation_and_all_it_needs_is_served(gateway: Served, path: str, media_type: str) -> None:
    answer = await gateway.ask("GET", path)

    assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (200, media_type)


async def test_the_document_is_made_when_it_is_first_asked_for_and_only_once() -> None:
    app = create_app(settings(1))
    was_made_at_start = app.openapi_schema is not None

    async with serving(app) as gateway:
        answers = await asyncio.gather(*(gateway.ask("GET", "/openapi.json") for _ in range(3)))

    assert not was_made_at_start
    assert {answer.body for answer in answers} == {JSONResponse(openapi_document(app)).body}


@pytest.mark.parametrize(
    "path", [TASKS, TASK, COMPLETE, CHANGES, EVENTS, BATCH, "/docs", "/openapi.json", "/", USER, f"{TASK}/"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_the_table_finds_the_route_that_the_router_finds(method: str, path: str) -> None:
    app = app_without_servers()
    scope = {"type": "http", "method": method, "path": path}
    matching = [route for route in app.routes if route.matches(dict(scope))[0] is Match.FULL]

    assert LeanDispatch(app, of=app).found(scope) is (matching[0] if matching else None)


async def test_the_documentation_loads_nothing_from_elsewhere(gateway: Served) -> None:
    page = await gateway.ask("GET", "/docs")

    assert not [word for word in (b'src="http', b'href="http', b'src="//', b'href="//') if word in page.body]


@pytest.mark.parametrize(
    "path", ["/", "/api", f"{TASKS}/", f"{TASK}/", f"{COMPLETE}/", "/docs/", "/docs/assets/nothing"]
)
async def test_an_unknown_path_is_404(gateway: Served, path: str) -> None:
    answer = await gateway.ask("GET", path)

    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", TASKS, "GET, HEAD, OPTIONS, POST"),
        ("POST", TASK, "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("PATCH", TASKS, "GET, HEAD, OPTIONS, POST"),
        ("GET", COMPLETE, "OPTIONS, PATCH"),
        ("POST", "/docs", "GET, HEAD, OPTIONS"),
    ],
)
async def test_a_wrong_method_is_405_with_all_methods_of_the_path(
    gateway: Served, method: str, path: str, allowed: str
) -> None:
    answer = await gateway.ask(method, path)

    assert (answer.status, answer.headers["allow"]) == (405, allowed)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.fixture(scope="module")
async def open_to_pages() -> AsyncIterator[Served]:
    """A gateway that pages of ORIGIN may call."""
    async with lonely_gateway(cors_origins=[ORIGIN]) as served:
        yield served


async def preflight(
    gateway: Served, *, method: str = "PATCH", path: str = COMPLETE, header: str | None = None
) -> Answer:
    """The answer to what a browser asks before a page of ORIGIN may PATCH, or what the others say."""
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": method}
    if header is not None:
        headers["Access-Control-Request-Headers"] = header
    return await gateway.ask("OPTIONS", path, headers=headers)


async def test_a_page_of_a_configured_origin_may_call(open_to_pages: Served) -> None:
    answer = await preflight(open_to_pages)

    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, ORIGIN)
    assert "PATCH" in answer.headers["access-control-allow-methods"]


@pytest.mark.parametrize("path", [TASKS, TASK, COMPLETE])
async def test_a_page_may_use_every_method_of_a_path(open_to_pages: Served, path: str) -> None:
    offered = (await open_to_pages.ask("OPTIONS", path)).headers["allow"].split(", ")

    answers = [await preflight(open_to_pages, method=one, path=path) for one in offered if one != "OPTIONS"]

    assert {answer.status for answer in answers} == {200}


@pytest.mark.parametrize(
    "header",
    [
        "Authorization",
        "Content-Type",
        "Idempotency-Key",
        "If-Match",
        "If-None-Match",
        "X-Request-ID",
        "traceparent",
    ],
)
async def test_a_page_may_send_every_header_that_is_heeded(open_to_pages: Served, header: str) -> None:
    answer = await preflight(open_to_pages, header=header.lower())

    assert answer.status == 200
    assert header in answer.headers["access-control-allow-headers"]


async def test_a_page_of_a_configured_origin_may_read_what_became_of_a_key(open_to_pages: Served) -> None:
    answer = await open_to_pages.ask("DELETE", TASK, headers={"Origin": ORIGIN})

    exposed = answer.headers["access-control-expose-headers"].lower().split(", ")
    assert {"accept-patch", "etag", "idempotency-replayed", "link", "location", "retry-after"} <= set(exposed)


@pytest.mark.parametrize("allowed", [[], ["https://other.example"]], ids=["none", "another"])
async def test_a_page_of_any_other_origin_may_not_call(allowed: list[str]) -> None:
    async with lonely_gateway(cors_origins=allowed) as gateway:
        answer = await preflight(gateway)

    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(("origin", "shown"), [(ORIGIN, ORIGIN), ("https://other.example", None)])
async def test_only_a_configured_origin_may_read_the_answers(
    open_to_pages: Served, origin: str, shown: str | None
) -> None:
    answer = await open_to_pages.ask("GET", TASKS, headers={"Origin": origin})

    assert answer.headers.get("access-control-allow-origin") == shown


def test_started_without_its_settings_the_command_exits_with_2(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "READER_URL", "RABBITMQ_URL"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(SystemExit) as exit_info:
        main()

    assert exit_info.value.code == 2


async def test_a_refused_preflight_is_a_problem() -> None:
    async with lonely_gateway(cors_origins=["https://other.example"]) as gateway:
        answer = await preflight(gateway)

    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")


@pytest.mark.parametrize("wanted", ["bytes=0-9", "bytes=0-1,5-6", "bytes=999999999-", "bytes=5-2", "lines=1", "x"])
async def test_an_asset_is_served_whole_whatever_range_is_requested(gateway: Served, wanted: str) -> None:
    whole = await gateway.ask("GET", "/docs/assets/swagger-ui.css")

    answer = await gateway.ask("GET", "/docs/assets/swagger-ui.css", headers={"Range": wanted})

    assert (answer.status, answer.body) == (200, whole.body)
    assert answer.headers["accept-ranges"] == "none"


async def test_a_wrong_method_on_an_asset_names_the_allowed_one(gateway: Served) -> None:
    answer = await gateway.ask("POST", "/docs/assets/swagger-ui.css")

    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")

"""Every error is answered as RFC 9457 says, and reveals no internals."""

import asyncio
from collections.abc import AsyncIterator
from http.client import HTTPConnection

import pytest
from common.http import problems
from common.http.app import App
from common.http.problem_answers import answer_with_problems, problem_response
from common.http.problems import INVALID_TASK, NOT_DONE, TASK_NOT_FOUND, Problem, ProblemType
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tests.serving import LIMIT_S, Served, serving

KINDS = [kind for kind in vars(problems).values() if isinstance(kind, ProblemType)]
FAULT = {"pointer": "#/title", "detail": "Field required"}


def name_of(kind: ProblemType) -> str:
    return kind.slug


async def raise_problem(request: Request) -> Response:
    kind = next(kind for kind in KINDS if kind.slug == request.path_params["slug"])
    raise Problem(kind, "For people.")


async def raise_faults(_: Request) -> Response:
    raise Problem(INVALID_TASK, "See errors.", errors=[FAULT])


async def raise_headers(_: Request) -> Response:
    raise Problem(NOT_DONE, "For people.", headers={"X-Seen": "once"})


async def break_down(_: Request) -> Response:
    raise ValueError("s3cret")


async def demand_login(_: Request) -> Response:
    raise HTTPException(401, "s3cret", headers={"WWW-Authenticate": "Basic"})


async def answer(_: Request) -> Response:
    return Response()


async def break_down_later(_: Request) -> Response:
    async def clean_up() -> None:
        raise ValueError("s3cret")

    return Response(background=BackgroundTask(clean_up))


@pytest.fixture(scope="module")
async def app() -> AsyncIterator[Served]:
    """An app whose paths end in every kind of error."""
    app = App(openapi_url=None)
    answer_with_problems(app)
    app.add_route("/problems/{slug}", raise_problem, ["GET"])
    app.add_route("/faults", raise_faults, ["GET"])
    app.add_route("/headers", raise_headers, ["GET"])
    app.add_route("/bug", break_down, ["GET"])
    app.add_route("/late-bug", break_down_later, ["GET"])
    app.add_route("/login", demand_login, ["GET"])
    app.add_route("/things/{id}", answer, ["GET"])
    app.add_route("/things/{id}", answer, ["DELETE"])
    app.add_route("/things/{id}", answer, ["PUT"])
    async with serving(app) as served:
        yield served


@pytest.mark.parametrize("kind", KINDS, ids=name_of)
async def test_a_problem_has_the_members_of_rfc_9457_and_no_others(app: Served, kind: ProblemType) -> None:
    answered = await app.ask("GET", f"/problems/{kind.slug}")

    assert (answered.status, answered.headers["content-type"]) == (kind.status, "application/problem+json")
    assert answered.json() == {
        "type": f"urn:taskwire:problem:{kind.slug}",
        "title": kind.title,
        "status": int(kind.status),
        "detail": "For people.",
    }


@pytest.mark.parametrize("kind", KINDS, ids=name_of)
async def test_a_503_and_nothing_else_says_when_to_come_back(app: Served, kind: ProblemType) -> None:
    answered = await app.ask("GET", f"/problems/{kind.slug}")

    assert ("retry-after" in answered.headers) is (kind.status == 503)


def test_every_kind_has_a_type_of_its_own() -> None:
    assert len({kind.uri for kind in KINDS}) == len(KINDS)


async def test_faults_are_listed_under_errors(app: Served) -> None:
    answered = await app.ask("GET", "/faults")

    assert answered.json()["errors"] == [FAULT]


async def test_the_headers_of_a_problem_are_added_to_its_own(app: Served) -> None:
    answered = await app.ask("GET", "/headers")

    assert (answered.headers["x-seen"], answered.headers["retry-after"]) == ("once", "1")
    assert answered.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/login", 401)])
async def test_an_error_of_the_framework_is_a_problem(app: Served, path: str, status: int) -> None:
    answered = await app.ask("GET", path)

    assert (answered.status, answered.headers["content-type"]) == (status, "application/problem+json")
    assert (answered.json()["status"], "s3cret" in str(answered.body)) == (status, False)


async def test_the_headers_of_a_framework_error_are_kept(app: Served) -> None:
    answered = await app.ask("GET", "/login")

    assert answered.headers["www-authenticate"] == "Basic"


@pytest.mark.parametrize("method", ["POST", "PATCH", "BREW"])
async def test_a_wrong_method_is_answered_with_the_methods_of_all_routes_of_the_path(app: Served, method: str) -> None:
    answered = await app.ask(method, "/things/1")

    assert (answered.status, answered.headers["allow"]) == (405, "DELETE, GET, HEAD, OPTIONS, PUT")


async def test_options_are_those_methods_without_a_fault(app: Served) -> None:
    answered = await app.ask("OPTIONS", "/things/1")

    assert (answered.status, answered.headers["allow"], answered.body) == (204, "DELETE, GET, HEAD, OPTIONS, PUT", b"")


async def test_the_options_of_a_path_that_is_not_there_are_404(app: Served) -> None:
    assert (await app.ask("OPTIONS", "/nothing")).status == 404


async def test_the_options_of_everything_are_the_methods_of_all_paths(app: Served) -> None:
    answered = await app.ask("OPTIONS", "*")

    assert (answered.status, answered.headers["allow"]) == (204, "DELETE, GET, HEAD, OPTIONS, PUT")


@pytest.mark.parametrize("path", ["/things/1", "/faults"])
async def test_an_answer_to_head_is_that_to_get_without_its_body(app: Served, path: str) -> None:
    got, headed = [await app.ask(method, path, headers={"X-Request-ID": "mine"}) for method in ("GET", "HEAD")]

    assert (headed.status, headed.body) == (got.status, b"")
    assert headed.headers == got.headers


async def test_a_bug_is_a_500_that_reveals_nothing(app: Served, caplog: pytest.LogCaptureFixture) -> None:
    answered = await app.ask("GET", "/bug")

    body = answered.body.decode()
    assert (answered.status, answered.headers["content-type"]) == (500, "application/problem+json")
    assert not [word for word in ("s3cret", "ValueError", "Traceback", __file__) if word in body]
    assert "s3cret" in caplog.text


@pytest.mark.parametrize(("path", "status"), [("/bug", 500), ("/late-bug", 200)])
async def test_a_bug_does_not_end_the_connection_of_an_answer_that_is_whole(
    app: Served, path: str, status: int
) -> None:
    def statuses() -> list[int]:
        connection = HTTPConnection("127.0.0.1", app.port, timeout=LIMIT_S)
        connection.auto_open = 0
        connection.connect()
        try:
            return [status_of(connection, one) for one in (path, path, "/things/1")]
        finally:
            connection.close()

    assert await asyncio.to_thread(statuses) == [status, status, 200]


def status_of(connection: HTTPConnection, path: str) -> int:
    connection.request("GET", path)
    answered = connection.getresponse()
    answered.read()
    return answered.status


@pytest.mark.parametrize(
    ("kind", "says_when"), [(NOT_DONE, {"retry-after": "1"}), (TASK_NOT_FOUND, {})], ids=["503", "404"]
)
def test_a_problem_can_be_answered_without_being_raised(kind: ProblemType, says_when: dict[str, str]) -> None:
    response = problem_response(Problem(kind, "For people."))

    assert (response.status_code, response.media_type) == (kind.status, "application/problem+json")
    assert says_when.items() <= dict(response.headers).items()

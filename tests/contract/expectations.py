"""Checks of every response: the members of a task, and errors as RFC 9457 problems without internals."""

import re
from typing import TypedDict, cast
from uuid import UUID

import httpx

from tests.task_fields import SET_BY_CLIENTS, TASK_FIELDS

TASK_KEYS = set(TASK_FIELDS)

# Words of the parts behind the gateway; none of them helps a client, and each helps an attacker.
INTERNAL_WORDS = (
    "traceback", "psycopg", "asyncpg", "sqlalchemy", "postgres", "pydantic", "fastapi", "starlette", "uvicorn",
    "rabbit", "amqp", "aio_pika", "aio-pika", "aiormq", "faststream", "aiohttp", "httptools", "task_writer",
    "task_reader", "task-writer", "task-reader", "site-packages", ".py", "<class", " object at 0x", "select ",
    "insert into", "update tasks", "delete from",
)  # fmt: skip
PYTHON_EXCEPTION = re.compile(r"\b[A-Z]\w*(?:Error|Exception|Warning)\b")
CREATED_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")
JSON_MEMBER = re.compile(r'"(\w+)"\s*:\s*("(?:[^"\\]|\\.)*"|[^,}\s]+)')


class Fault(TypedDict):
    """One broken rule of the schema."""

    detail: str
    pointer: str


class Problem(TypedDict, total=False):
    """The body of an error (RFC 9457); `errors` is there for a 422."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[Fault]


def assert_problem(response: httpx.Response, status: int) -> Problem:
    """The body of an error with this status, checked to be a problem that reveals no internals."""
    assert response.status_code == status, response.text
    assert media_type(response) == "application/problem+json"
    problem = response.json()
    assert isinstance(problem, dict)
    for member in ("type", "title", "detail"):
        assert isinstance(problem.get(member), str), f"{member} is no string: {problem}"
        assert problem[member], f"{member} is empty: {problem}"
    assert problem.get("status") == status
    assert_nothing_internal(response)
    return cast("Problem", problem)


def assert_unprocessable(response: httpx.Response) -> list[str]:
    """The JSON Pointers of a 422's faults, in the URI fragment form of RFC 9457's example (`#/title`)."""
    faults = assert_problem(response, 422).get("errors")
    assert isinstance(faults, list), "a 422 lists its faults under `errors`"
    assert faults, "a 422 has at least one fault"
    for fault in faults:
        assert isinstance(fault.get("detail"), str), f"no detail: {fault}"
        assert isinstance(fault.get("pointer"), str), f"no pointer: {fault}"
        assert re.fullmatch(r"#(/.*)?", fault["pointer"]), f"no pointer in fragment form: {fault}"
    return [fault["pointer"] for fault in faults]


def assert_nothing_internal(response: httpx.Response) -> None:
    """Fails when the body names a part, a statement or an exception of the inside."""
    named = [word for word in INTERNAL_WORDS if word in response.text.lower()]
    assert not named, f"{named} in {response.text}"
    assert not PYTHON_EXCEPTION.search(response.text), response.text


def assert_task(value: object) -> None:
    """Fails when the value is no task: exactly its keys, each of its type, both ids in canonical spelling."""
    assert isinstance(value, dict)
    assert set(value) == TASK_KEYS
    for key in ("id", "user_id"):
        assert value[key] == str(UUID(value[key])), f"{key} is not canonical: {value[key]}"
    for key, member in SET_BY_CLIENTS.items():
        assert type(value[key]) in {type(accepted) for accepted in member.accepted}, f"{key} is {value[key]!r}"
    assert isinstance(value["created_at"], str)
    assert CREATED_AT.fullmatch(value["created_at"]), value["created_at"]


def media_type(response: httpx.Response) -> str:
    """The content type without its parameters, in lower case; empty when there is none."""
    return str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()


def spelling(task: httpx.Response) -> dict[str, str]:
    """Each member of the one task in the answer, its value as the very JSON text that was sent."""
    spelled = dict(JSON_MEMBER.findall(task.text))
    assert set(spelled) == TASK_KEYS, task.text
    return spelled

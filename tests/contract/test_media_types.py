"""A body that is not called application/json is a 415, and nothing is done."""

import gzip

import httpx
import pytest

from .expectations import assert_problem
from .tasks import COMPLETE, CREATE, REPLACE, Operation, create, fetch, unknown_id

BODIES = {"create": b'{"title": "x"}', "replace": b'{"title": "x"}', "complete": b'{"is_completed": true}'}
WITH_JSON = (CREATE, REPLACE, COMPLETE)
NO_JSON_TYPES = [
    "text/plain",
    "text/html",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "application/octet-stream",
    "application/jsonx",
    "application/x-json-stream",
    "json",
    "nonsense",
    "application/merge-patch+json",
    "application/json-patch+json",
    "application/problem+json",
    "application/vnd.api+json",
    "application/json; charset=latin-1",
    "application/json; charset=nonsense",
]
JSON_TYPES = [
    "application/json",
    "Application/JSON",
    "application/json; charset=utf-8",
    'application/json;charset="UTF-8"',
]


def send_as(api: httpx.Client, operation: Operation, url: str, content_type: str | None) -> httpx.Response:
    """The answer to the operation's body under this content type, None being without one."""
    headers = {"Content-Type": content_type} if content_type is not None else {}
    return api.request(operation.method, url, content=BODIES[operation.name], headers=headers)


@pytest.mark.parametrize("content_type", [None, *NO_JSON_TYPES], ids=str)
@pytest.mark.parametrize("operation", WITH_JSON, ids=str)
def test_a_body_that_is_not_called_json_is_415(
    api: httpx.Client, user_id: str, operation: Operation, content_type: str | None
) -> None:
    task_id = create(api, user_id)["id"]

    response = send_as(api, operation, operation.url(user_id, task_id), content_type)

    assert_problem(response, 415)


@pytest.mark.parametrize("operation", [REPLACE, COMPLETE], ids=str)
def test_a_body_that_is_not_called_json_changes_nothing(api: httpx.Client, user_id: str, operation: Operation) -> None:
    task = create(api, user_id)

    send_as(api, operation, operation.url(user_id, task["id"]), "text/plain")

    assert fetch(api, user_id, task["id"]) == task


@pytest.mark.parametrize("content_type", JSON_TYPES)
@pytest.mark.parametrize("operation", WITH_JSON, ids=str)
def test_a_body_that_is_called_json_is_read(
    api: httpx.Client, user_id: str, operation: Operation, content_type: str
) -> None:
    task_id = create(api, user_id)["id"]

    response = send_as(api, operation, operation.url(user_id, task_id), content_type)

    assert response.status_code == operation.success


@pytest.mark.parametrize("operation", WITH_JSON, ids=str)
def test_two_content_types_are_415(api: httpx.Client, user_id: str, operation: Operation) -> None:
    headers = [("Content-Type", "application/json"), ("Content-Type", "application/json")]
    url = operation.url(user_id, create(api, user_id)["id"])

    response = api.request(operation.method, url, content=BODIES[operation.name], headers=headers)

    assert_problem(response, 415)


@pytest.mark.parametrize("operation", WITH_JSON, ids=str)
def test_a_415_says_what_is_taken(api: httpx.Client, user_id: str, operation: Operation) -> None:
    url = operation.url(user_id, unknown_id())

    typed = send_as(api, operation, url, "application/merge-patch+json")
    coded = api.request(
        operation.method,
        url,
        content=gzip.compress(BODIES[operation.name]),
        headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
    )

    assert (assert_problem(typed, 415)["type"], typed.headers["accept"], typed.headers.get("accept-patch")) == (
        "urn:taskwire:problem:unsupported-media-type",
        "application/json",
        "application/json" if operation.method == "PATCH" else None,
    )
    assert (assert_problem(coded, 415)["type"], coded.headers["accept-encoding"]) == (
        "urn:taskwire:problem:unsupported-content-encoding",
        "identity",
    )


def test_a_merge_patch_by_put_wipes_nothing(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id, description="two litres")

    send_as(api, REPLACE, REPLACE.url(user_id, task["id"]), "application/merge-patch+json")

    assert fetch(api, user_id, task["id"]) == task


def test_without_a_body_no_content_type_is_needed(api: httpx.Client, user_id: str) -> None:
    response = api.patch(COMPLETE.url(user_id, unknown_id()))

    assert_problem(response, 404)

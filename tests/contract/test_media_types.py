"""A body that does not call itself JSON is a 415; whatever calls itself JSON is read as JSON."""

import httpx
import pytest

from .expectations import assert_problem
from .tasks import COMPLETE, REPLACE, WITH_BODY, Operation, create, fetch, unknown_id

BODIES = {"create": b'{"title": "x"}', "replace": b'{"title": "x"}', "complete": b'{"is_completed": true}'}
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
]
JSON_TYPES = [
    "application/json",
    "Application/JSON",
    "application/json; charset=utf-8",
    'application/json;charset="UTF-8"',
    "application/merge-patch+json",
    "application/vnd.api+json",
]


def send_as(api: httpx.Client, operation: Operation, url: str, content_type: str | None) -> httpx.Response:
    """The answer to the operation's body under this content type, None being without one."""
    headers = {"Content-Type": content_type} if content_type is not None else {}
    return api.request(operation.method, url, content=BODIES[operation.name], headers=headers)


@pytest.mark.parametrize("content_type", [None, *NO_JSON_TYPES], ids=str)
@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
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
@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_a_body_that_is_called_json_is_read(
    api: httpx.Client, user_id: str, operation: Operation, content_type: str
) -> None:
    task_id = create(api, user_id)["id"]

    response = send_as(api, operation, operation.url(user_id, task_id), content_type)

    assert response.status_code == operation.success


# JSON is UTF-8 (RFC 8259), and the type has no charset parameter: it may be ignored or refused.
@pytest.mark.parametrize("content_type", ["application/json; charset=latin-1", "application/json; charset=nonsense"])
@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_another_charset_is_no_server_error(
    api: httpx.Client, user_id: str, operation: Operation, content_type: str
) -> None:
    task_id = create(api, user_id)["id"]

    response = send_as(api, operation, operation.url(user_id, task_id), content_type)

    assert response.status_code < 500


def test_without_a_body_no_content_type_is_needed(api: httpx.Client, user_id: str) -> None:
    response = api.patch(COMPLETE.url(user_id, unknown_id()))

    assert_problem(response, 404)

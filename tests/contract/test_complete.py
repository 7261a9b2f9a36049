"""PATCH /api/{user_id}/tasks/{id}/complete flips a task's completion, or sets it when the body says to what."""

import httpx
import pytest

from .expectations import assert_unprocessable
from .raw_http import connect, read_answer, request_head
from .tasks import COMPLETE, create, fetch

JSON_TYPE = {"Content-Type": "application/json"}


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize(
    ("body", "headers"), [(b"", {}), (b"", JSON_TYPE), (b"{}", JSON_TYPE)], ids=["no body", "empty body", "{}"]
)
def test_completing_without_a_value_flips(
    api: httpx.Client, user_id: str, before: bool, body: bytes, headers: dict[str, str]
) -> None:
    task = create(api, user_id, is_completed=before)

    response = api.patch(COMPLETE.url(user_id, task["id"]), content=body, headers=headers)

    assert (response.status_code, response.json()) == (200, {**task, "is_completed": not before})


def test_completing_without_any_body_header_flips(api: httpx.Client, gateway_url: str, user_id: str) -> None:
    task = create(api, user_id)

    with connect(gateway_url) as connection:
        connection.sendall(request_head("PATCH", COMPLETE.url(user_id, task["id"]), "Connection: close"))
        response = read_answer(connection)

    assert (response.status_code, response.json()) == (200, {**task, "is_completed": True})


def test_flipping_twice_leads_back(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id)

    answers = [api.patch(COMPLETE.url(user_id, task["id"])).json()["is_completed"] for _ in range(2)]

    assert answers == [True, False]


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("wanted", [False, True])
def test_completing_with_a_value_sets_it(api: httpx.Client, user_id: str, before: bool, wanted: bool) -> None:
    task = create(api, user_id, is_completed=before)

    response = api.patch(COMPLETE.url(user_id, task["id"]), json={"is_completed": wanted})

    assert (response.status_code, response.json()) == (200, {**task, "is_completed": wanted})


@pytest.mark.parametrize("wanted", [False, True])
def test_setting_twice_is_setting_once(api: httpx.Client, user_id: str, wanted: bool) -> None:
    task_id = create(api, user_id)["id"]

    answers = [api.patch(COMPLETE.url(user_id, task_id), json={"is_completed": wanted}).json() for _ in range(2)]

    assert [answer["is_completed"] for answer in answers] == [wanted, wanted]


@pytest.mark.parametrize("body", [b"", b'{"is_completed": true}'], ids=["flip", "set"])
def test_a_completed_task_reads_as_completed(api: httpx.Client, user_id: str, body: bytes) -> None:
    task_id = create(api, user_id)["id"]

    completed = api.patch(COMPLETE.url(user_id, task_id), content=body, headers=JSON_TYPE).json()

    assert fetch(api, user_id, task_id) == completed


@pytest.mark.parametrize("value", [None, "true", "", 0, 1, 1.0, [], [True], {}], ids=repr)
def test_completing_to_what_is_no_bool_is_422(api: httpx.Client, user_id: str, value: object) -> None:
    task = create(api, user_id)

    response = api.patch(COMPLETE.url(user_id, task["id"]), json={"is_completed": value})

    assert_unprocessable(response)
    assert fetch(api, user_id, task["id"]) == task


@pytest.mark.parametrize("field", ["completed", "title", "id", "user_id", "created_at"])
def test_completing_with_an_unknown_field_is_422(api: httpx.Client, user_id: str, field: str) -> None:
    task = create(api, user_id)

    response = api.patch(COMPLETE.url(user_id, task["id"]), json={"is_completed": True, field: task["id"]})

    assert assert_unprocessable(response) == [f"#/{field}"]
    assert fetch(api, user_id, task["id"]) == task

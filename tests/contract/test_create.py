"""POST /api/{user_id}/tasks creates a task and says where it is."""

from urllib.parse import urlsplit

import httpx
import pytest

from tests.task_fields import ACCEPTED, DEFAULTS

from .tasks import CREATE, GET, create, fetch, list_all


def test_creating_answers_201(api: httpx.Client, user_id: str) -> None:
    response = api.post(CREATE.url(user_id, ""), json={"title": "buy milk"})

    assert response.status_code == 201


def test_a_new_task_belongs_to_the_user_of_the_path(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id)

    assert task["user_id"] == user_id


def test_a_new_task_has_the_default_of_what_is_left_out(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id, title="buy milk")

    assert {key: value for key, value in task.items() if key in DEFAULTS} == {**DEFAULTS, "title": "buy milk"}


@pytest.mark.parametrize("fields", [*({name: value} for name, value in ACCEPTED), dict(ACCEPTED)], ids=str)
def test_a_new_task_has_what_was_sent(api: httpx.Client, user_id: str, fields: dict[str, object]) -> None:
    task = create(api, user_id, **fields)

    assert {key: value for key, value in task.items() if key in fields} == fields


def test_a_new_task_can_be_read_at_once(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id, description="two litres")

    assert fetch(api, user_id, task["id"]) == task


def test_location_is_the_path_of_the_new_task(api: httpx.Client, user_id: str) -> None:
    response = api.post(CREATE.url(user_id, ""), json={"title": "buy milk"})

    # RFC 9110 lets a Location be relative or absolute; the contract leaves it open, so only the path counts.
    assert urlsplit(response.headers["location"]).path == GET.url(user_id, response.json()["id"])


def test_location_can_be_fetched(api: httpx.Client, user_id: str) -> None:
    response = api.post(CREATE.url(user_id, ""), json={"title": "buy milk"})

    fetched = api.get(response.headers["location"])

    assert (fetched.status_code, fetched.json()) == (200, response.json())


def test_the_same_task_sent_twice_is_two_tasks(api: httpx.Client, user_id: str) -> None:
    first, second = create(api, user_id), create(api, user_id)

    assert first["id"] != second["id"]


def test_a_refused_task_is_not_created(api: httpx.Client, user_id: str) -> None:
    api.post(CREATE.url(user_id, ""), json={"title": ""})

    assert list_all(api, user_id) == []

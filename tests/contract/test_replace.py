"""PUT /api/{user_id}/tasks/{id} replaces the whole task; what is absent falls back to its default."""

import httpx
import pytest

from tests.task_fields import ACCEPTED, DEFAULTS

from .expectations import assert_unprocessable
from .tasks import REPLACE, create, fetch, list_all, unknown_id

ANOTHER_ID = "9b2f1c7e-3d5a-4e8b-a6c4-0f1d2e3b4a5c"  # always the same, so that a test has the same name in each process


def test_replacing_answers_200_with_the_new_task(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id)
    fields = {"title": "buy bread", "description": "rye", "is_completed": True}

    response = api.put(REPLACE.url(user_id, task["id"]), json=fields)

    assert (response.status_code, response.json()) == (200, {**task, **fields})


def test_a_replaced_task_reads_as_replaced(api: httpx.Client, user_id: str) -> None:
    task_id = create(api, user_id)["id"]

    replaced = api.put(REPLACE.url(user_id, task_id), json={"title": "buy bread", "description": "rye"}).json()

    assert fetch(api, user_id, task_id) == replaced


def test_what_is_left_out_falls_back_to_its_default(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id, **dict(ACCEPTED))

    api.put(REPLACE.url(user_id, task["id"]), json={"title": "buy milk"})

    assert fetch(api, user_id, task["id"]) == {**task, **DEFAULTS, "title": "buy milk"}


@pytest.mark.parametrize(("member", "value"), ACCEPTED)
def test_each_member_becomes_what_was_sent(api: httpx.Client, user_id: str, member: str, value: object) -> None:
    task = create(api, user_id, **dict(ACCEPTED))

    api.put(REPLACE.url(user_id, task["id"]), json={"title": "buy milk", member: value})

    assert fetch(api, user_id, task["id"]) == {**task, **DEFAULTS, "title": "buy milk", member: value}


@pytest.mark.parametrize("description", [None, "two litres"])
def test_what_a_get_answered_may_be_sent_back(api: httpx.Client, user_id: str, description: str | None) -> None:
    task = create(api, user_id, description=description, is_completed=True)
    url = REPLACE.url(user_id, task["id"])

    response = api.put(url, content=api.get(url).content, headers={"Content-Type": "application/json"})

    assert (response.status_code, response.json()) == (200, task)


def test_ids_sent_back_may_be_in_capitals_and_the_time_is_ignored(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id)
    sent_back = {"title": "x", "id": task["id"].upper(), "user_id": user_id.upper(), "created_at": "long ago"}

    response = api.put(REPLACE.url(user_id, task["id"]), json=sent_back)

    assert (response.status_code, response.json()) == (200, {**task, "title": "x"})


@pytest.mark.parametrize("member", ["id", "user_id"])
@pytest.mark.parametrize("given", [ANOTHER_ID, "", "x", None, 1, []], ids=repr)
def test_another_id_than_the_paths_is_422_and_changes_nothing(
    api: httpx.Client, user_id: str, member: str, given: object
) -> None:
    task = create(api, user_id)

    response = api.put(REPLACE.url(user_id, task["id"]), json={**task, "title": "x", member: given})

    assert assert_unprocessable(response) == [f"#/{member}"]
    assert fetch(api, user_id, task["id"]) == task


def test_a_key_stands_for_the_same_replacement_with_and_without_what_was_sent_back(
    api: httpx.Client, user_id: str
) -> None:
    task = create(api, user_id)
    key = {"Idempotency-Key": unknown_id()}

    first = api.put(REPLACE.url(user_id, task["id"]), json={"title": "x"}, headers=key)
    again = api.put(REPLACE.url(user_id, task["id"]), json={**task, "title": "x"}, headers=key)

    assert (again.status_code, again.json(), again.headers["idempotency-replayed"]) == (200, first.json(), "true")


def test_replacing_twice_is_replacing_once(api: httpx.Client, user_id: str) -> None:
    url = REPLACE.url(user_id, create(api, user_id)["id"])
    fields = {"title": "buy bread", "is_completed": True}

    first, second = api.put(url, json=fields), api.put(url, json=fields)

    assert second.json() == first.json()


def test_replacing_touches_no_other_task(api: httpx.Client, user_id: str) -> None:
    other = create(api, user_id, title="another")
    task = create(api, user_id)

    api.put(REPLACE.url(user_id, task["id"]), json={"title": "buy bread"})

    assert fetch(api, user_id, other["id"]) == other


def test_replacing_an_unknown_task_creates_none(api: httpx.Client, user_id: str) -> None:
    api.put(REPLACE.url(user_id, unknown_id()), json={"title": "buy bread"})

    assert list_all(api, user_id) == []


def test_a_refused_replacement_changes_nothing(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id, description="two litres")

    api.put(REPLACE.url(user_id, task["id"]), json={"title": "buy bread", "description": 1})

    assert fetch(api, user_id, task["id"]) == task

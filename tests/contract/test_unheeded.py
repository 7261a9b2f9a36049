"""What the API cannot heed yet is refused and named, and nothing is done: query parameters and preconditions."""

import httpx
import pytest

from .expectations import assert_problem
from .tasks import ALL, COMPLETE, CREATE, DELETE, LIST, PATCH, REPLACE, Operation, create, fetch, list_all, unknown_id

PARAMETERS = {"offset": "?offset=1", "completed": "?completed=true", "fields": "?fields=id", "p": "?_=1&p"}
STALE = {
    "If-Match": '"stale"',
    "If-None-Match": "*",
    "If-Unmodified-Since": "Sat, 29 Oct 1994 19:43:31 GMT",
}


@pytest.mark.parametrize(("name", "query"), PARAMETERS.items(), ids=PARAMETERS.keys())
@pytest.mark.parametrize("operation", ALL, ids=str)
def test_a_parameter_that_is_not_known_is_400_and_named(
    api: httpx.Client, user_id: str, operation: Operation, name: str, query: str
) -> None:
    task = create(api, user_id)

    url = operation.url(user_id, task["id"]) + query
    response = api.request(operation.method, url, json=operation.fields, headers=operation.headers)

    assert f'"{name}"' in assert_problem(response, 400)["detail"]
    assert list_all(api, user_id) == [task]


def test_a_name_of_the_clients_own_is_ignored(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id)

    response = api.get(LIST.url(user_id, "") + "?_=1764100000&_nocache")

    assert response.json() == [task]


@pytest.mark.parametrize(("header", "value"), STALE.items(), ids=STALE.keys())
@pytest.mark.parametrize("operation", [REPLACE, PATCH, COMPLETE, DELETE], ids=str)
def test_a_precondition_that_does_not_hold_is_412_and_changes_nothing(
    api: httpx.Client, user_id: str, operation: Operation, header: str, value: str
) -> None:
    task = create(api, user_id)
    url = operation.url(user_id, task["id"])

    response = api.request(operation.method, url, json=operation.fields, headers=operation.headers | {header: value})

    assert header in assert_problem(response, 412)["detail"]
    assert fetch(api, user_id, task["id"]) == task


def test_a_create_under_a_precondition_creates_nothing(api: httpx.Client, user_id: str) -> None:
    response = api.post(CREATE.url(user_id, ""), json={"title": "x"}, headers={"If-Match": '"stale"'})

    assert_problem(response, 412)
    assert list_all(api, user_id) == []


@pytest.mark.parametrize("operation", [REPLACE, PATCH, COMPLETE, DELETE], ids=str)
def test_any_task_will_do_for_a_star(api: httpx.Client, user_id: str, operation: Operation) -> None:
    star = operation.headers | {"If-Match": "*"}
    there, missing = operation.url(user_id, create(api, user_id)["id"]), operation.url(user_id, unknown_id())

    done = api.request(operation.method, there, json=operation.fields, headers=star)
    not_there = api.request(operation.method, missing, json=operation.fields, headers=star)

    assert (done.status_code, not_there.status_code) == (operation.success, 404)


def test_a_412_leaves_the_key_free(api: httpx.Client, user_id: str) -> None:
    url = REPLACE.url(user_id, create(api, user_id)["id"])
    key = {"Idempotency-Key": unknown_id()}

    refused = api.put(url, json={"title": "x"}, headers={**key, "If-Match": '"stale"'})
    done = api.put(url, json={"title": "x"}, headers=key)

    assert (refused.status_code, done.status_code, "idempotency-replayed" in done.headers) == (412, 200, False)


def test_a_read_that_has_a_validator_is_answered_in_full(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id)

    response = api.get(LIST.url(user_id, ""), headers={"If-None-Match": '"x"'})

    assert (response.status_code, response.json()) == (200, [task])

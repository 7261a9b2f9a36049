"""What the API cannot heed is refused and named, and nothing is done."""

import httpx
import pytest

from .expectations import assert_problem
from .tasks import ALL, COMPLETE, DELETE, LIST, PATCH, REPLACE, Operation, create, list_all, unknown_id

PARAMETERS = {"offset": "?offset=1", "completed": "?completed=true", "fields": "?fields=id", "p": "?_=1&p"}


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


@pytest.mark.parametrize("operation", [REPLACE, PATCH, COMPLETE, DELETE], ids=str)
def test_any_task_will_do_for_a_star(api: httpx.Client, user_id: str, operation: Operation) -> None:
    star = operation.headers | {"If-Match": "*"}
    there, missing = operation.url(user_id, create(api, user_id)["id"]), operation.url(user_id, unknown_id())

    done = api.request(operation.method, there, json=operation.fields, headers=star)
    not_there = api.request(operation.method, missing, json=operation.fields, headers=star)

    assert (done.status_code, not_there.status_code) == (operation.success, 404)

"""GET /api/{user_id}/tasks/{id} answers one task, and nothing but a 404 when the user has no such task."""

import httpx
import pytest

from .expectations import assert_problem
from .tasks import DELETE, GET, OF_ONE_TASK, Operation, call, create, unknown_id


def test_one_task_is_answered_as_it_was_created(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id, description="two litres", is_completed=True)
    create(api, user_id, title="another")

    response = api.get(GET.url(user_id, task["id"]))

    assert (response.status_code, response.json()) == (200, task)


@pytest.mark.parametrize("operation", OF_ONE_TASK, ids=str)
def test_an_unknown_task_is_404(api: httpx.Client, user_id: str, operation: Operation) -> None:
    response = call(api, operation, user_id, unknown_id())

    assert_problem(response, 404)


@pytest.mark.parametrize("operation", OF_ONE_TASK, ids=str)
def test_a_deleted_task_is_404(api: httpx.Client, user_id: str, operation: Operation) -> None:
    task_id = create(api, user_id)["id"]
    call(api, DELETE, user_id, task_id)

    response = call(api, operation, user_id, task_id)

    assert_problem(response, 404)


@pytest.mark.parametrize("operation", OF_ONE_TASK, ids=str)
def test_an_unknown_task_stays_unknown(api: httpx.Client, user_id: str, operation: Operation) -> None:
    task_id = unknown_id()

    call(api, operation, user_id, task_id)

    assert_problem(api.get(GET.url(user_id, task_id)), 404)

"""Another user's task is a 404, identical to that of a task that does not exist."""

import httpx
import pytest

from .expectations import assert_problem
from .tasks import OF_ONE_TASK, Operation, call, create, fetch, list_all, unknown_id

# They differ from one answer to the next, whatever was asked.
PER_ANSWER_HEADERS = {"date", "x-request-id", "x-correlation-id", "traceparent", "server-timing"}


@pytest.mark.parametrize("operation", OF_ONE_TASK, ids=str)
def test_a_strangers_task_is_404(api: httpx.Client, user_id: str, stranger_id: str, operation: Operation) -> None:
    task_id = create(api, user_id)["id"]

    response = call(api, operation, stranger_id, task_id)

    assert_problem(response, 404)


@pytest.mark.parametrize("operation", OF_ONE_TASK, ids=str)
def test_a_strangers_task_answers_as_one_that_does_not_exist(
    api: httpx.Client, user_id: str, stranger_id: str, operation: Operation
) -> None:
    existing, missing = create(api, user_id)["id"], unknown_id()

    answers = [call(api, operation, stranger_id, task_id) for task_id in (existing, missing)]

    assert seen_by_client(answers[0], existing) == seen_by_client(answers[1], missing)


@pytest.mark.parametrize("operation", OF_ONE_TASK, ids=str)
def test_a_strangers_request_leaves_the_task_alone(
    api: httpx.Client, user_id: str, stranger_id: str, operation: Operation
) -> None:
    task = create(api, user_id)

    call(api, operation, stranger_id, task["id"])

    assert fetch(api, user_id, task["id"]) == task


@pytest.mark.parametrize("operation", OF_ONE_TASK, ids=str)
def test_a_strangers_request_gives_the_stranger_nothing(
    api: httpx.Client, user_id: str, stranger_id: str, operation: Operation
) -> None:
    task = create(api, user_id)

    call(api, operation, stranger_id, task["id"])

    assert list_all(api, stranger_id) == []


def test_each_user_lists_their_own_tasks(api: httpx.Client, user_id: str, stranger_id: str) -> None:
    mine, theirs = create(api, user_id), create(api, stranger_id)

    lists = (list_all(api, user_id), list_all(api, stranger_id))

    assert lists == ([mine], [theirs])


def seen_by_client(response: httpx.Response, task_id: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and body of the answer with the task's id, should it be named, blotted out."""
    headers = {name: value for name, value in response.headers.items() if name not in PER_ANSWER_HEADERS}
    return response.status_code, headers, response.text.replace(task_id, "<task>")

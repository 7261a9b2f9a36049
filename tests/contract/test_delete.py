"""DELETE /api/{user_id}/tasks/{id} deletes a task and answers with nothing."""

import httpx

from .expectations import assert_problem
from .raw_http import connect, read_to_end, request_head
from .tasks import DELETE, create, fetch


def test_deleting_answers_204_with_nothing(api: httpx.Client, user_id: str) -> None:
    task_id = create(api, user_id)["id"]

    response = api.delete(DELETE.url(user_id, task_id))

    assert response.status_code == 204
    assert "content-type" not in response.headers
    assert response.headers.get("content-length", "0") == "0"


def test_not_one_byte_follows_the_head_of_a_204(api: httpx.Client, gateway_url: str, user_id: str) -> None:
    task_id = create(api, user_id)["id"]

    with connect(gateway_url) as connection:
        connection.sendall(request_head("DELETE", DELETE.url(user_id, task_id), "Connection: close"))
        _, _, body = read_to_end(connection).partition(b"\r\n\r\n")

    assert body == b""


def test_a_second_delete_is_404(api: httpx.Client, user_id: str) -> None:
    task_id = create(api, user_id)["id"]
    api.delete(DELETE.url(user_id, task_id))

    response = api.delete(DELETE.url(user_id, task_id))

    assert_problem(response, 404)


def test_deleting_touches_no_other_task(api: httpx.Client, user_id: str) -> None:
    kept, deleted = create(api, user_id), create(api, user_id)

    api.delete(DELETE.url(user_id, deleted["id"]))

    assert fetch(api, user_id, kept["id"]) == kept

"""An unknown path is a 404 and never a redirect; an unsupported method is a 405 with `Allow`."""

import httpx
import pytest

from .expectations import assert_problem
from .raw_http import connect, read_to_end, request_head
from .tasks import BATCH, CHANGES, COMPLETE, GET, LIST, create, unknown_id

UNKNOWN_PATHS = [
    "/nothing",
    "/api",
    "/api/",
    "/api/{user_id}",
    "/api/{user_id}/",
    "/api/{user_id}/task",
    "/api/{user_id}/batches",
    "/api/{user_id}/batch/",
    "/api/{user_id}/tasks/batch/",
    "/api/{user_id}/Tasks",
    "/API/{user_id}/tasks",
    "/api/{user_id}/change",
    "/api/{user_id}/changes/",
    "/api/{user_id}/changes/{id}",
    "/api/{user_id}/tasks/",
    "/api/{user_id}/tasks//",
    "/api/{user_id}/tasks/{id}/",
    "/api/{user_id}/tasks/{id}/other",
    "/api/{user_id}/tasks/{id}/Complete",
    "/api/{user_id}/tasks/{id}/complete/",
    "/api/{user_id}/tasks/{id}/complete/now",
    "/v1/api/{user_id}/tasks",
]
ALLOWED = {
    LIST.path: {"GET", "POST"},
    GET.path: {"GET", "PUT", "PATCH", "DELETE"},
    COMPLETE.path: {"PATCH"},
    CHANGES.path: {"GET"},
    BATCH.path: {"POST"},
}
REFUSED = [
    (path, method)
    for path, allowed in ALLOWED.items()
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND")
    if method not in allowed
]


@pytest.mark.parametrize("path", UNKNOWN_PATHS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_path_is_404(api: httpx.Client, user_id: str, path: str, method: str) -> None:
    task_id = create(api, user_id)["id"]

    response = api.request(method, path.format(user_id=user_id, id=task_id))

    assert_problem(response, 404)


@pytest.mark.parametrize(("path", "method"), REFUSED)
def test_an_unsupported_method_is_405(api: httpx.Client, user_id: str, path: str, method: str) -> None:
    task_id = create(api, user_id)["id"]

    response = api.request(method, path.format(user_id=user_id, id=task_id))

    assert_problem(response, 405)


@pytest.mark.parametrize(("path", "method"), REFUSED)
def test_a_405_names_every_method_of_the_path(api: httpx.Client, user_id: str, path: str, method: str) -> None:
    response = api.request(method, path.format(user_id=user_id, id=unknown_id()))

    named = {name.strip() for name in response.headers["allow"].split(",")}
    # Whether the gateway supports HEAD and OPTIONS is left open.
    assert named - {"HEAD", "OPTIONS"} == ALLOWED[path]


@pytest.mark.parametrize(
    ("path", "media_type"),
    [(LIST.path, None), (GET.path, "application/merge-patch+json"), (COMPLETE.path, "application/json")],
)
def test_what_a_path_takes_as_a_patch_is_named_with_its_methods(
    api: httpx.Client, user_id: str, path: str, media_type: str | None
) -> None:
    url = path.format(user_id=user_id, id=unknown_id())

    answers = [api.request(method, url) for method in ("OPTIONS", "TRACE")]

    assert [answer.status_code for answer in answers] == [204, 405]
    assert [answer.headers.get("accept-patch") for answer in answers] == [media_type] * 2


@pytest.mark.parametrize("path", ALLOWED)
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_head_and_options_are_no_server_error(api: httpx.Client, user_id: str, path: str, method: str) -> None:
    task_id = create(api, user_id)["id"]

    response = api.request(method, path.format(user_id=user_id, id=task_id))

    assert response.is_success or response.status_code == 405


@pytest.mark.parametrize("path", ALLOWED)
def test_not_one_byte_follows_the_head_of_an_answer_to_head(
    api: httpx.Client, gateway_url: str, user_id: str, path: str
) -> None:
    task_id = create(api, user_id)["id"]

    with connect(gateway_url) as connection:
        target = path.format(user_id=user_id, id=task_id)
        connection.sendall(request_head("HEAD", target, "Connection: close"))
        head, _, body = read_to_end(connection).partition(b"\r\n\r\n")

    assert (head[:9], body) == (b"HTTP/1.1 ", b"")

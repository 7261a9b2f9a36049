"""An invalid UUID in the path is a 400 on every operation; UUIDs of any version and case are valid."""

from uuid import UUID

import httpx
import pytest

from .expectations import assert_problem
from .raw_http import connect, read_answer, request_head
from .tasks import ALL, COMPLETE, CREATE, LIST, OF_ONE_TASK, Operation, call, create, list_all, unknown_id

HEX = "0b5e7a1c-93d4-4c7e-8f21-5a6b7c8d9e0f"

# Several of these are what Python's UUID() or PostgreSQL's uuid type would let through.
NO_UUIDS = {
    "a word": "me",
    "a number": "42",
    "one digit short": HEX[:-1],
    "one digit long": HEX + "0",
    "no hyphens": HEX.replace("-", ""),
    "hyphens elsewhere": "0b5e-7a1c-93d4-4c7e-8f21-5a6b-7c8d-9e0f",
    "no hexadecimal digit": HEX.replace("0b5e", "0g5e"),
    "an underscore as a digit": HEX.replace("7a1c", "7_1c"),
    "a full-width digit": HEX.replace("0b5e", "%EF%BC%90b5e"),
    "braces": f"%7B{HEX}%7D",
    "a URN": f"urn:uuid:{HEX}",
    "a leading space": f"%20{HEX}",
    "a trailing line feed": f"{HEX}%0A",
    "a trailing NUL": f"{HEX}%00",
    "not UTF-8": "%FF%FE",
    "not ASCII": "%E4%BB%BB%E5%8A%A1",
    "SQL": "%27%20OR%20%271%27=%271",
    "a format": "%25s%7B0%7D",
}
bad_ids = pytest.mark.parametrize("no_uuid", NO_UUIDS.values(), ids=NO_UUIDS.keys())


@bad_ids
@pytest.mark.parametrize("operation", ALL, ids=str)
def test_a_user_id_that_is_no_uuid_is_400(api: httpx.Client, operation: Operation, no_uuid: str) -> None:
    response = call(api, operation, no_uuid, unknown_id())

    assert_problem(response, 400)


@bad_ids
@pytest.mark.parametrize("operation", OF_ONE_TASK, ids=str)
def test_a_task_id_that_is_no_uuid_is_400(api: httpx.Client, user_id: str, operation: Operation, no_uuid: str) -> None:
    response = call(api, operation, user_id, no_uuid)

    assert_problem(response, 400)


@pytest.mark.parametrize("target", ["/api/%zz/tasks", "/api/%/tasks", "/api/caf\u00e9/tasks"])
def test_a_user_id_that_is_no_uri_text_is_400(gateway_url: str, target: str) -> None:
    with connect(gateway_url) as connection:
        connection.sendall(request_head("GET", target, "Connection: close"))
        response = read_answer(connection)

    assert_problem(response, 400)


# An empty id, and one with a slash in it, may as well be read as a path that does not exist.
@pytest.mark.parametrize("no_uuid", ["", f"{HEX}%2Fx", f"..%2F{HEX}"], ids=["empty", "a slash", "dots"])
@pytest.mark.parametrize("operation", ALL, ids=str)
def test_a_user_id_that_is_no_path_segment_is_400_or_404(api: httpx.Client, operation: Operation, no_uuid: str) -> None:
    response = call(api, operation, no_uuid, unknown_id())

    assert_problem(response, response.status_code)
    assert response.status_code in {400, 404}


@pytest.mark.parametrize(
    "any_uuid",
    [
        str(UUID(int=0)),
        str(UUID(int=2**128 - 1)),
        "c232ab00-9414-11ec-b3c8-9f6bdeced846",
        "2ed6657d-e927-568b-95e1-2665a8aea6a2",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
    ],
    ids=["nil", "max", "version 1", "version 5", "version 7"],
)
def test_a_uuid_of_any_version_is_a_user(api: httpx.Client, any_uuid: str) -> None:
    response = api.get(LIST.url(any_uuid, ""))

    assert response.status_code == 200


def test_a_user_id_in_upper_case_lists_the_same_tasks(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id)

    assert list_all(api, user_id.upper()) == [task]


def test_a_task_created_in_upper_case_has_its_ids_in_lower_case(api: httpx.Client, user_id: str) -> None:
    response = api.post(CREATE.url(user_id.upper(), ""), json={"title": "buy milk"})

    assert response.json()["user_id"] == user_id


def test_a_task_id_in_upper_case_is_the_same_task(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id)

    response = api.patch(COMPLETE.url(user_id.upper(), task["id"].upper()))

    assert response.json() == {**task, "is_completed": True}

"""A task has six fields and reads the same, spelling for spelling, in the answer to its write and in every read."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from .expectations import CREATED_AT, assert_task, media_type, spelling
from .tasks import ALL, COMPLETE, CREATE, DELETE, GET, LIST, PATCH, REPLACE, Operation, call, create, fetch, list_all

CLOCK_TOLERANCE = timedelta(seconds=5)


@pytest.mark.parametrize("operation", [CREATE, GET, REPLACE, PATCH, COMPLETE], ids=str)
def test_a_task_has_exactly_the_six_fields(api: httpx.Client, user_id: str, operation: Operation) -> None:
    task_id = create(api, user_id)["id"]

    response = call(api, operation, user_id, task_id)

    assert_task(response.json())


def test_a_listed_task_has_exactly_the_six_fields(api: httpx.Client, user_id: str) -> None:
    create(api, user_id)

    response = api.get(LIST.url(user_id, ""))

    (task,) = response.json()
    assert_task(task)


@pytest.mark.parametrize("operation", [operation for operation in ALL if operation != DELETE], ids=str)
def test_a_success_is_json(api: httpx.Client, user_id: str, operation: Operation) -> None:
    task_id = create(api, user_id)["id"]

    response = call(api, operation, user_id, task_id)

    assert (response.status_code, media_type(response)) == (operation.success, "application/json")


def test_a_task_is_created_now(api: httpx.Client, user_id: str) -> None:
    before = datetime.now(UTC)

    created_at = datetime.fromisoformat(create(api, user_id)["created_at"])

    assert before - CLOCK_TOLERANCE <= created_at <= datetime.now(UTC) + CLOCK_TOLERANCE


def test_created_at_is_rfc_3339_in_utc_with_six_digits_in_every_answer(api: httpx.Client, user_id: str) -> None:
    created = [create(api, user_id) for _ in range(40)]  # one of ten ends in 0

    listed, fetched = list_all(api, user_id), [fetch(api, user_id, task["id"]) for task in created]
    replaced = [api.put(REPLACE.url(user_id, task["id"]), json={"title": "x"}).json() for task in created]

    times = {task["created_at"] for task in [*created, *listed, *fetched, *replaced]}
    assert not [time for time in times if not CREATED_AT.fullmatch(time)]
    assert times == {task["created_at"] for task in created}


def test_a_task_is_spelled_alike_in_its_creation_and_when_read(api: httpx.Client, user_id: str) -> None:
    created = api.post(CREATE.url(user_id, ""), json={"title": "buy milk", "description": "two litres"})

    fetched = api.get(GET.url(user_id, created.json()["id"]))

    assert spelling(fetched) == spelling(created)


def test_a_task_is_spelled_alike_in_its_creation_and_in_the_list(api: httpx.Client, user_id: str) -> None:
    created = api.post(CREATE.url(user_id, ""), json={"title": "buy milk", "description": "two litres"})

    listed = api.get(LIST.url(user_id, ""))

    assert spelling(listed) == spelling(created)


@pytest.mark.parametrize("write", [REPLACE, COMPLETE], ids=str)
@pytest.mark.parametrize("read", [GET, LIST], ids=str)
def test_a_changed_task_is_spelled_alike_when_read(
    api: httpx.Client, user_id: str, write: Operation, read: Operation
) -> None:
    task_id = create(api, user_id)["id"]

    changed = call(api, write, user_id, task_id)

    assert spelling(call(api, read, user_id, task_id)) == spelling(changed)


@pytest.mark.parametrize("write", [REPLACE, COMPLETE], ids=str)
@pytest.mark.parametrize("member", ["id", "user_id", "created_at"])
def test_a_write_keeps_what_the_server_gave(api: httpx.Client, user_id: str, write: Operation, member: str) -> None:
    created = api.post(CREATE.url(user_id, ""), json={"title": "buy milk"})

    changed = call(api, write, user_id, created.json()["id"])

    assert spelling(changed)[member] == spelling(created)[member]

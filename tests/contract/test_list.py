"""GET /api/{user_id}/tasks answers all tasks of the user, newest first."""

import asyncio
import time
from datetime import datetime

import httpx
import pytest

from .tasks import COMPLETE, CREATE, DELETE, LIST, REPLACE, Operation, call, create, list_all

MANY_TASKS = 1_000
MANY_TASKS_TIME_LIMIT_S = 2.0


def test_a_user_without_tasks_has_an_empty_list(api: httpx.Client, user_id: str) -> None:
    response = api.get(LIST.url(user_id, ""))

    assert (response.status_code, response.json()) == (200, [])


def test_tasks_are_listed_newest_first(api: httpx.Client, user_id: str) -> None:
    created = [create(api, user_id, title=f"task {number}") for number in range(5)]

    listed = list_all(api, user_id)

    assert listed == created[::-1]


@pytest.mark.parametrize("write", [REPLACE, COMPLETE], ids=str)
def test_a_changed_task_keeps_its_place(api: httpx.Client, user_id: str, write: Operation) -> None:
    created = [create(api, user_id)["id"] for _ in range(3)]

    call(api, write, user_id, created[0])

    assert [task["id"] for task in list_all(api, user_id)] == created[::-1]


@pytest.mark.parametrize("write", [REPLACE, COMPLETE], ids=str)
def test_a_change_shows_in_the_list(api: httpx.Client, user_id: str, write: Operation) -> None:
    task_id = create(api, user_id)["id"]

    changed = call(api, write, user_id, task_id).json()

    assert list_all(api, user_id) == [changed]


def test_a_deleted_task_is_not_listed(api: httpx.Client, user_id: str) -> None:
    kept, deleted = create(api, user_id), create(api, user_id)

    call(api, DELETE, user_id, deleted["id"])

    assert list_all(api, user_id) == [kept]


async def test_a_thousand_tasks_are_listed_in_order_and_in_time(
    api: httpx.Client, gateway_url: str, user_id: str
) -> None:
    created = await create_many(gateway_url, user_id)

    started = time.perf_counter()
    listed = list_all(api, user_id)
    elapsed_s = time.perf_counter() - started

    assert len(listed) == MANY_TASKS
    assert {task["id"] for task in listed} == created
    # Tasks that were written together may share their time; then the greater id comes first.
    age = [(datetime.fromisoformat(task["created_at"]), task["id"]) for task in listed]
    assert age == sorted(age, reverse=True)
    assert elapsed_s < MANY_TASKS_TIME_LIMIT_S


async def create_many(gateway_url: str, user_id: str) -> set[str]:
    """The ids of the many tasks, created by 25 clients at once."""
    async with httpx.AsyncClient(base_url=gateway_url, timeout=60, trust_env=False) as client:
        parts = await asyncio.gather(*(create_part(client, user_id, MANY_TASKS // 25) for _ in range(25)))
    return set().union(*parts)


async def create_part(client: httpx.AsyncClient, user_id: str, tasks: int) -> set[str]:
    """The ids of so many tasks, created one after the other."""
    responses = [await client.post(CREATE.url(user_id, ""), json={"title": f"task {n}"}) for n in range(tasks)]
    assert {response.status_code for response in responses} == {201}
    return {response.json()["id"] for response in responses}

"""The opponents do the work that the product does: the measured paths of the contract, on a real PostgreSQL."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
from local_stack.postgres import Postgres
from local_stack.state import State

from benchmarks.dataset import Group
from benchmarks.systems import System, running_opponent

FEW = Group(users=3, tasks_each=4)
# The product had these when both were measured: a column is added there when they are measured again.
FIELDS = {"id", "title", "description", "is_completed", "created_at", "user_id"}


@pytest.fixture(scope="module", params=["monolith", "tuned"])
async def opponent(request: pytest.FixtureRequest, postgres: Postgres, state: State) -> AsyncIterator[System]:
    async with running_opponent(postgres, state, request.param, FEW) as system:
        yield system


@pytest.fixture
async def client(opponent: System) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(opponent.url) as session:
        yield session


async def get(client: aiohttp.ClientSession, path: str) -> tuple[int, Any]:
    async with client.get(path) as answer:
        return answer.status, await answer.json() if answer.ok else None


async def post(client: aiohttp.ClientSession, user_id: UUID, body: Any) -> tuple[int, Any]:
    async with client.post(f"/api/{user_id}/tasks", json=body) as answer:
        return answer.status, await answer.json() if answer.ok else None


async def test_a_task_is_found_with_all_its_fields(client: aiohttp.ClientSession) -> None:
    status, task = await get(client, f"/api/{FEW.user_id(1)}/tasks/{FEW.task_id(4)}")

    assert status == 200
    assert set(task) == FIELDS
    assert (task["id"], task["user_id"]) == (str(FEW.task_id(4)), str(FEW.user_id(1)))
    assert task["title"] == "Buy milk, number 4"


async def test_another_users_task_is_not_found(client: aiohttp.ClientSession) -> None:
    status, _ = await get(client, f"/api/{FEW.user_id(1)}/tasks/{FEW.task_id(5)}")

    assert status == 404


async def test_a_list_holds_the_users_tasks_newest_first(client: aiohttp.ClientSession) -> None:
    status, tasks = await get(client, f"/api/{FEW.user_id(2)}/tasks")

    assert status == 200
    assert [task["id"] for task in tasks] == [str(FEW.task_id(number)) for number in (11, 8, 5, 2)]


async def test_a_user_without_tasks_has_an_empty_list(client: aiohttp.ClientSession) -> None:
    assert await get(client, f"/api/{uuid4()}/tasks") == (200, [])


async def test_a_created_task_is_there(client: aiohttp.ClientSession) -> None:
    user_id = uuid4()

    status, task = await post(client, user_id, {"title": "Buy milk", "description": "2 litres"})

    assert status == 201
    assert (task["title"], task["description"], task["is_completed"]) == ("Buy milk", "2 litres", False)
    assert await get(client, f"/api/{user_id}/tasks") == (200, [task])
    assert await get(client, f"/api/{user_id}/tasks/{task['id']}") == (200, task)


@pytest.mark.parametrize("body", [{}, {"title": ""}, {"title": "x" * 256}, {"title": "x", "description": "x" * 2001}])
async def test_a_body_that_breaks_the_rules_is_refused(client: aiohttp.ClientSession, body: Any) -> None:
    status, _ = await post(client, uuid4(), body)

    assert status == 422

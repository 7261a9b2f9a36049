"""The opponents do the work that the product does: six endpoints of the contract, on a real PostgreSQL."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median_low
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
from local_stack.postgres import Postgres
from local_stack.state import State

from benchmarks.dataset import Group
from benchmarks.peers import PEERS, POOL_SIZE, Peer, PeerMissing
from benchmarks.systems import make_database, serving_opponent
from tests.counts.line import Line, line_to
from tests.counts.sql_traffic import sql_traffic

FEW = Group(users=3, tasks_each=4)
# The product had these when both were measured: a column is added there when they are measured again.
FIELDS = {"id", "title", "description", "is_completed", "created_at", "user_id"}


ROUND_TRIPS = {"monolith": 3, "tuned": 1, "node": 1, "go": 1}
"""To PostgreSQL, of a GET of one task and of a POST: an ORM's session begins and ends a transaction around each."""


@pytest.fixture(scope="module", params=ROUND_TRIPS)
async def opponent(request: pytest.FixtureRequest) -> str | Peer:
    """A Python opponent's name, or a peer."""
    if request.param not in PEERS:
        return str(request.param)
    try:
        return await PEERS[request.param]()
    except PeerMissing as missing:
        pytest.skip(f"NOT TESTED: {missing}")


@dataclass(frozen=True)
class Served:
    """A running opponent, and the line to its database."""

    name: str
    url: str
    line: Line


@pytest.fixture(scope="module")
async def served(opponent: str | Peer, postgres: Postgres, state: State) -> AsyncIterator[Served]:
    name = opponent.name if isinstance(opponent, Peer) else opponent
    owner_url = await make_database(postgres, name, FEW)
    async with line_to(owner_url) as line, serving_opponent(state, opponent, line.address(owner_url)) as (url, _):
        yield Served(name, url, line)


@pytest.fixture
async def client(served: Served) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(served.url) as session:
        yield session


@dataclass(frozen=True)
class Answer:
    """An opponent's answer; `body` is None where it is not JSON of a success."""

    status: int
    body: Any
    headers: Mapping[str, str]


async def ask(client: aiohttp.ClientSession, method: str, path: str, body: Any = None) -> Answer:
    unwanted = ["Content-Type"] if body is None else []
    async with client.request(method, path, json=body, skip_auto_headers=unwanted) as answer:
        content = await answer.json() if answer.ok and answer.status != 204 else None
        return Answer(answer.status, content, answer.headers)


async def create(client: aiohttp.ClientSession, user_id: UUID, **fields: Any) -> Any:
    answer = await ask(client, "POST", f"/api/{user_id}/tasks", {"title": "Buy milk", **fields})
    assert answer.status == 201
    return answer.body


async def test_a_task_is_found_with_all_its_fields(client: aiohttp.ClientSession) -> None:
    answer = await ask(client, "GET", f"/api/{FEW.user_id(1)}/tasks/{FEW.task_id(4)}")

    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    created_at = datetime.fromisoformat(answer.body.pop("created_at"))
    assert created_at == datetime(2026, 1, 1, 0, 0, 4, tzinfo=UTC)
    assert answer.body == {
        "id": str(FEW.task_id(4)),
        "title": "Buy milk, number 4",
        "description": "Two litres of the fresh one, and a loaf of rye",
        "is_completed": False,
        "user_id": str(FEW.user_id(1)),
    }


async def test_a_list_holds_the_users_tasks_newest_first(client: aiohttp.ClientSession) -> None:
    answer = await ask(client, "GET", f"/api/{FEW.user_id(2)}/tasks")

    assert answer.status == 200
    assert [task["id"] for task in answer.body] == [str(FEW.task_id(number)) for number in (11, 8, 5, 2)]
    assert {task["description"] is None for task in answer.body} == {True, False}


async def test_a_user_without_tasks_has_an_empty_list(client: aiohttp.ClientSession) -> None:
    answer = await ask(client, "GET", f"/api/{uuid4()}/tasks")

    assert (answer.status, answer.body) == (200, [])


async def test_a_created_task_is_there(client: aiohttp.ClientSession) -> None:
    user_id = uuid4()

    made = await ask(client, "POST", f"/api/{user_id}/tasks", {"title": "Buy milk", "description": "2 litres"})

    assert made.status == 201
    assert set(made.body) == FIELDS
    assert (made.body["title"], made.body["description"], made.body["is_completed"]) == ("Buy milk", "2 litres", False)
    assert datetime.fromisoformat(made.body["created_at"]).utcoffset() == timedelta(0)
    path = f"/api/{user_id}/tasks/{made.body['id']}"
    assert made.headers["Location"] == path
    assert (await ask(client, "GET", path)).body == made.body
    assert (await ask(client, "GET", f"/api/{user_id}/tasks")).body == [made.body]


async def test_a_replaced_task_keeps_its_id_and_its_time(client: aiohttp.ClientSession) -> None:
    user_id = uuid4()
    task = await create(client, user_id, description="2 litres", is_completed=True)
    path = f"/api/{user_id}/tasks/{task['id']}"

    answer = await ask(client, "PUT", path, {"title": "Buy bread"})

    replaced = task | {"title": "Buy bread", "description": None, "is_completed": False}
    assert (answer.status, answer.body) == (200, replaced)
    assert (await ask(client, "GET", path)).body == replaced


@pytest.mark.parametrize(
    ("body", "completed"), [(None, True), ({}, True), ({"is_completed": True}, True), ({"is_completed": False}, False)]
)
async def test_a_completion_is_set_or_flipped(client: aiohttp.ClientSession, body: Any, completed: bool) -> None:
    user_id = uuid4()
    task = await create(client, user_id)
    path = f"/api/{user_id}/tasks/{task['id']}"

    answer = await ask(client, "PATCH", f"{path}/complete", body)

    assert (answer.status, answer.body) == (200, task | {"is_completed": completed})
    assert (await ask(client, "GET", path)).body == answer.body


async def test_a_deleted_task_is_gone(client: aiohttp.ClientSession) -> None:
    user_id = uuid4()
    task = await create(client, user_id)
    path = f"/api/{user_id}/tasks/{task['id']}"

    assert (await ask(client, "DELETE", path)).status == 204

    assert (await ask(client, "GET", path)).status == 404
    assert (await ask(client, "GET", f"/api/{user_id}/tasks")).body == []


@pytest.mark.parametrize(
    ("method", "rest", "body"),
    [("GET", "", None), ("PUT", "", {"title": "Mine"}), ("DELETE", "", None), ("PATCH", "/complete", None)],
)
async def test_another_users_task_is_not_found(
    client: aiohttp.ClientSession, method: str, rest: str, body: Any
) -> None:
    owner = uuid4()
    task = await create(client, owner)

    answer = await ask(client, method, f"/api/{uuid4()}/tasks/{task['id']}{rest}", body)

    assert answer.status == 404
    assert (await ask(client, "GET", f"/api/{owner}/tasks/{task['id']}")).body == task


@pytest.mark.parametrize(
    "body",
    [{}, {"title": ""}, {"title": "x" * 256}, {"title": 1}, {"title": "x", "description": "x" * 2001}],
)
async def test_a_body_that_breaks_the_rules_is_refused(client: aiohttp.ClientSession, body: Any) -> None:
    user_id = uuid4()
    task = await create(client, user_id)
    path = f"/api/{user_id}/tasks"

    assert (await ask(client, "POST", path, body)).status == 422
    assert (await ask(client, "PUT", f"{path}/{task['id']}", body)).status == 422

    assert (await ask(client, "GET", path)).body == [task]


async def test_the_longest_texts_are_taken(client: aiohttp.ClientSession) -> None:
    task = await create(client, uuid4(), title="🥛" * 255, description="ä" * 2000)

    assert (task["title"], task["description"]) == ("🥛" * 255, "ä" * 2000)


@pytest.mark.parametrize("path", ["/api/anna/tasks", "/api/7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11/tasks/1"])
async def test_an_invalid_id_is_refused(client: aiohttp.ClientSession, path: str) -> None:
    assert (await ask(client, "GET", path)).status in {400, 422}


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_request_costs_no_more_round_trips_than_it_must(
    served: Served, client: aiohttp.ClientSession, method: str
) -> None:
    path, body = {
        "GET": (f"/api/{FEW.user_id(1)}/tasks/{FEW.task_id(4)}", None),
        "POST": (f"/api/{uuid4()}/tasks", {"title": "Buy milk"}),
    }[method]
    costs = []

    for _ in range(3 * POOL_SIZE):
        before = sql_traffic(served.line)
        await ask(client, method, path, body)
        costs.append((sql_traffic(served.line) - before).round_trips)

    # The first request on each connection prepares its statement, and a transaction may end after the answer.
    assert median_low(costs[2 * POOL_SIZE :]) == ROUND_TRIPS[served.name]

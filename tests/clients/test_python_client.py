"""The Python client against a real system: each operation, sync and async, and its errors."""

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from taskwire_client import (
    AsyncClient,
    Client,
    InvalidRequest,
    KeyReused,
    Operation,
    Options,
    PreconditionFailed,
    Snapshot,
    TaskNotFound,
    in_batches,
)
from taskwire_client.watching import Update

HOSTILE = [
    "=1+1",
    "a\nb\r\nc",
    "🥛👩‍👩‍👧",
    "\u202eRTL \u05d0\u05d1",
    "'\"`<script>",
    "x" * 255,
    "\x1b[31mred",
    "\t tab",
]


@pytest.fixture
def client(gateway_url: str) -> Iterator[Client]:
    """A client of a user without tasks, which sees its own writes."""
    with httpx.Client(trust_env=False) as http:
        yield Client(gateway_url, uuid4(), options=Options(reads_own_writes=True), http=http)


@pytest.fixture
async def async_client(gateway_url: str) -> AsyncIterator[AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as http:
        yield AsyncClient(f"{gateway_url}/", str(uuid4()), http=http)


def test_a_task_from_its_creation_to_its_end(client: Client) -> None:
    created = client.create("Buy milk", description="2 litres")

    assert client.get(created.id) == created
    assert client.refresh(created) is created
    assert client.complete(created.id).is_completed
    assert not client.complete(created.id, is_completed=None).is_completed
    assert client.patch(created.id, description=None).description is None
    assert client.replace(created.id, "Buy bread", is_completed=True).title == "Buy bread"
    assert client.refresh(created).title == "Buy bread"
    client.delete(created.id)
    with pytest.raises(TaskNotFound) as raised:
        client.get(created.id)
    assert raised.value.type == "urn:taskwire:problem:task-not-found"
    assert (raised.value.status, raised.value.title, raised.value.detail) == (
        404, "The user has no such task", "The user has no task with this id."
    )  # fmt: skip


async def test_the_same_with_await(async_client: AsyncClient) -> None:
    created = await async_client.create("Buy milk", description="2 litres")

    assert await async_client.get(created.id) == created
    assert await async_client.refresh(created) is created
    assert (await async_client.complete(created.id)).is_completed
    assert (await async_client.patch(created.id, description=None)).description is None
    assert (await async_client.replace(created.id, "Buy bread")).title == "Buy bread"
    results = await async_client.batch([Operation.delete(created.id), Operation.delete(created.id)])
    assert [result.status for result in results] == [204, 404]
    with pytest.raises(TaskNotFound):
        await async_client.delete(created.id)
    assert [task async for task in async_client.tasks()] == []


def test_a_change_of_what_has_changed_is_refused(client: Client) -> None:
    seen = client.create("Buy milk")
    current = client.patch(seen.id, title="Buy oat milk", if_unchanged=seen)

    for write in (
        lambda: client.patch(seen.id, title="Buy bread", if_unchanged=seen),
        lambda: client.replace(seen.id, "Buy bread", if_unchanged=seen),
        lambda: client.complete(seen.id, if_unchanged=seen),
        lambda: client.delete(seen.id, if_unchanged=seen),
    ):
        with pytest.raises(PreconditionFailed) as raised:
            write()
        assert raised.value.etag == current.etag
    assert client.get(seen.id) == current


def test_a_write_with_a_key_of_ones_own_is_done_once(client: Client) -> None:
    first, second = (client.create("Buy milk", key="monday") for _ in range(2))

    with pytest.raises(KeyReused):
        client.create("Buy bread", key="monday")

    assert first == second
    assert list(client.tasks()) == [first]


def test_a_body_that_is_refused_says_where(client: Client) -> None:
    with pytest.raises(InvalidRequest) as raised:
        client.batch([Operation.create("fine"), Operation.create(" ")])

    assert [(fault.pointer, fault.detail) for fault in raised.value.errors] == [
        ("#/operations/1/title", "Text must not be blank")
    ]
    assert list(client.tasks()) == []


def test_lists_are_followed_to_their_end(client: Client) -> None:
    titles = [f"task {number:02}" for number in range(23)]
    for batch in in_batches([Operation.create(title, is_completed=title.endswith("7")) for title in titles]):
        client.batch(batch)

    assert [task.title for task in client.tasks(page_size=5, order="title")] == titles
    assert [len(page.tasks) for page in client.pages(page_size=10)] == [10, 10, 3]
    assert [task.title for task in client.tasks(is_completed=True, order="-title")] == ["task 17", "task 07"]
    assert {task.title for task in client.tasks(q="K 0")} == set(titles[:10])
    newest = max(client.tasks(), key=lambda task: task.created_at)
    assert list(client.tasks(created_after=newest.created_at)) == []
    assert len(list(client.tasks(created_after=newest.created_at - timedelta(days=1)))) == 23


def test_any_text_comes_back_as_it_was(client: Client) -> None:
    results = client.batch([Operation.create(title, description=title * 7) for title in HOSTILE])

    tasks = [result.task for result in results]

    assert [task and (task.title, task.description) for task in tasks] == [(text, text * 7) for text in HOSTILE]
    assert client.sync().tasks == {task.id: task for task in tasks if task}


def test_a_copy_follows_the_list_and_begins_anew_when_it_has_to(client: Client) -> None:
    milk, bread = client.create("milk"), client.create("bread")
    first = Snapshot.from_json(client.sync().to_json())
    client.delete(milk.id)
    salt = client.create("salt")

    second = client.sync(first)
    renewed = client.sync(Snapshot(first.user_id, 17, dict(first.tasks)))

    assert list(first.newest_first()) == [bread, milk]
    assert list(second.newest_first()) == list(renewed.newest_first()) == [salt, bread]
    assert client.sync(second) == second
    with pytest.raises(ValueError, match="another user"):
        client.sync(Snapshot(uuid4()))


def test_a_watch_tells_what_happens(client: Client) -> None:
    milk = client.create("milk")
    with closing(client.watch()) as updates:
        began = next(updates)
        bread = client.create("bread")
        after = next(updates)
    client.delete(milk.id)
    with closing(client.watch(after.snapshot)) as updates:
        resumed = next(updates)
    with closing(client.watch(Snapshot(milk.user_id, 17))) as updates:
        reset = next(updates)

    assert (began.is_reset, list(began.changes.changed)) == (True, [milk])
    assert (after.is_reset, list(after.changes.changed)) == (False, [bread])
    assert list(after.snapshot.newest_first()) == [bread, milk]
    assert (resumed.is_reset, list(resumed.changes.deleted)) == (False, [milk.id])
    assert (reset.is_reset, list(reset.snapshot.newest_first())) == (True, [bread])


async def test_a_watch_with_await_tells_the_same(async_client: AsyncClient) -> None:
    async with aclosing(async_client.watch()) as updates:
        assert (await anext(updates)).snapshot.tasks == {}
        milk = await async_client.create("milk")
        told: Update = await anext(updates)

    assert list(told.snapshot.newest_first()) == [milk]
    assert (await async_client.sync(told.snapshot)).tasks == {milk.id: milk}


def test_a_revision_that_was_lost_is_forgotten(gateway_url: str) -> None:
    """A client that has seen more than there is reads what there is."""
    with httpx.Client(trust_env=False) as http:
        client = Client(gateway_url, uuid4(), options=Options(reads_own_writes=True), http=http)
        client._session._revision = 2**53 - 1

        assert list(client.tasks()) == []
        assert client._session._revision < 2**53 - 1

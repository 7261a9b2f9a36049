"""What many clients do at once takes effect once each, and every one of them is answered."""

import asyncio
from collections.abc import AsyncIterator
from itertools import batched

import httpx
import pytest

from .tasks import COMPLETE, CREATE, DELETE, LIST, REPLACE, create, fetch, list_all, unknown_id


@pytest.fixture
async def crowd(gateway_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client that has as many requests under way as it is given."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=gateway_url, timeout=30, limits=limits, trust_env=False) as client:
        yield client


@pytest.mark.parametrize("toggles", [50, 51])
async def test_every_concurrent_toggle_flips_once(
    api: httpx.Client, crowd: httpx.AsyncClient, user_id: str, toggles: int
) -> None:
    task_id = create(api, user_id)["id"]

    responses = await asyncio.gather(*(crowd.patch(COMPLETE.url(user_id, task_id)) for _ in range(toggles)))

    assert [response.status_code for response in responses] == [200] * toggles
    # They took effect one after the other, so every second one answered with a completed task.
    assert sum(response.json()["is_completed"] for response in responses) == (toggles + 1) // 2
    assert fetch(api, user_id, task_id)["is_completed"] is (toggles % 2 == 1)


async def test_concurrent_creates_make_as_many_tasks(api: httpx.Client, crowd: httpx.AsyncClient, user_id: str) -> None:
    posts = [crowd.post(CREATE.url(user_id, ""), json={"title": f"task {number}"}) for number in range(100)]

    responses = await asyncio.gather(*posts)

    created = {response.json()["id"]: response.json() for response in responses}
    assert [response.status_code for response in responses] == [201] * 100
    assert {task["id"]: task for task in list_all(api, user_id)} == created


async def test_concurrent_creates_get_their_own_answers(crowd: httpx.AsyncClient, user_id: str) -> None:
    titles = [f"task {number}" for number in range(100)]

    responses = await asyncio.gather(*(crowd.post(CREATE.url(user_id, ""), json={"title": t}) for t in titles))

    assert [response.json()["title"] for response in responses] == titles


async def test_concurrent_users_do_not_mix(crowd: httpx.AsyncClient) -> None:
    users = [unknown_id() for _ in range(20)]
    posts = [crowd.post(CREATE.url(user, ""), json={"title": user}) for user in users for _ in range(3)]
    await asyncio.gather(*posts)

    lists = await asyncio.gather(*(crowd.get(LIST.url(user, "")) for user in users))

    assert [[task["title"] for task in tasks.json()] for tasks in lists] == [[user] * 3 for user in users]


async def test_of_concurrent_deletes_one_succeeds(api: httpx.Client, crowd: httpx.AsyncClient, user_id: str) -> None:
    task_id = create(api, user_id)["id"]

    responses = await asyncio.gather(*(crowd.delete(DELETE.url(user_id, task_id)) for _ in range(20)))

    assert sorted(response.status_code for response in responses) == [204] + [404] * 19


async def test_of_concurrent_replacements_one_stands_whole(
    api: httpx.Client, crowd: httpx.AsyncClient, user_id: str
) -> None:
    url = REPLACE.url(user_id, create(api, user_id)["id"])
    bodies = [{"title": f"title {number}", "description": f"text {number}"} for number in range(20)]

    responses = await asyncio.gather(*(crowd.put(url, json=body) for body in bodies))

    answers = [response.json() for response in responses]
    assert list_all(api, user_id)[0] in answers


async def test_refused_writes_among_good_ones_harm_no_neighbour(crowd: httpx.AsyncClient, user_id: str) -> None:
    good, unknown = CREATE.url(user_id, ""), COMPLETE.url(user_id, unknown_id())
    pairs = [(crowd.post(good, json={"title": "buy milk"}), crowd.patch(unknown)) for _ in range(25)]

    responses = await asyncio.gather(*(request for pair in pairs for request in pair))

    assert {tuple(answer.status_code for answer in pair) for pair in batched(responses, 2, strict=True)} == {(201, 404)}


def with_key(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


async def test_of_concurrent_creates_with_one_key_one_has_effect_and_all_get_its_answer(
    api: httpx.Client, crowd: httpx.AsyncClient, user_id: str
) -> None:
    url, key = CREATE.url(user_id, ""), with_key(unknown_id())

    responses = await asyncio.gather(*(crowd.post(url, json={"title": "buy milk"}, headers=key) for _ in range(16)))

    (task,) = list_all(api, user_id)
    assert [(response.status_code, response.json()) for response in responses] == [(201, task)] * 16
    assert {response.headers["location"] for response in responses} == {f"{url}/{task['id']}"}
    assert sorted(response.headers.get("idempotency-replayed", "") for response in responses) == [""] + ["true"] * 15


@pytest.mark.parametrize("keys", [4, 5])
async def test_concurrent_toggles_flip_once_for_each_key(
    api: httpx.Client, crowd: httpx.AsyncClient, user_id: str, keys: int
) -> None:
    url = COMPLETE.url(user_id, create(api, user_id)["id"])
    sent = [unknown_id() for _ in range(keys)] * 8

    responses = await asyncio.gather(*(crowd.patch(url, headers=with_key(key)) for key in sent))

    answers = {(key, response.status_code, response.text) for key, response in zip(sent, responses, strict=True)}
    assert len(answers) == keys
    assert list_all(api, user_id)[0]["is_completed"] is (keys % 2 == 1)


async def test_of_concurrent_requests_that_differ_under_one_key_one_kind_is_done(
    api: httpx.Client, crowd: httpx.AsyncClient, user_id: str
) -> None:
    url, key = CREATE.url(user_id, ""), with_key(unknown_id())
    titles = ["one", "other"] * 8

    responses = await asyncio.gather(*(crowd.post(url, json={"title": title}, headers=key) for title in titles))

    (task,) = list_all(api, user_id)
    statuses = {(title, response.status_code) for title, response in zip(titles, responses, strict=True)}
    loser = "other" if task["title"] == "one" else "one"
    assert statuses == {(task["title"], 201), (loser, 422)}

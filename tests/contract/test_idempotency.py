"""The header Idempotency-Key: a request sent again with its key has no second effect, and the same answer.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/07/
"""

from uuid import uuid4

import httpx
import pytest

from .expectations import assert_problem, assert_task
from .tasks import COMPLETE, CREATE, OF_ONE_TASK, REPLACE, WRITES, Operation, create, fetch, list_all, unknown_id

WRITES_OF_ONE_TASK = tuple(operation for operation in WRITES if operation in OF_ONE_TASK)
REPLAYED_HEADERS = ("content-type", "location")


def fresh_key() -> str:
    """A key that nobody has used, as the draft spells one."""
    return f'"{uuid4()}"'


def send_with_key(api: httpx.Client, operation: Operation, url: str, key: str) -> httpx.Response:
    """The answer to the operation with the body that it accepts and this header."""
    headers = operation.headers | {"Idempotency-Key": key}
    return api.request(operation.method, url, json=operation.fields, headers=headers)


def flip(api: httpx.Client, user_id: str, task_id: str, key: str) -> httpx.Response:
    return api.patch(COMPLETE.url(user_id, task_id), headers={"Idempotency-Key": key})


def replayed(answer: httpx.Response) -> bool:
    """What the answer says of itself."""
    said: str | None = answer.headers.get("idempotency-replayed")
    assert said in {None, "true"}
    return said == "true"


def assert_replay(again: httpx.Response, first: httpx.Response) -> None:
    """Fails unless `first` is new and `again` the same answer, marked as a replay."""
    assert (replayed(first), replayed(again)) == (False, True)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert [again.headers.get(name) for name in REPLAYED_HEADERS] == [
        first.headers.get(name) for name in REPLAYED_HEADERS
    ]


@pytest.mark.parametrize("operation", WRITES, ids=str)
def test_a_repeated_write_is_answered_as_the_first_time(api: httpx.Client, user_id: str, operation: Operation) -> None:
    url, key = operation.url(user_id, create(api, user_id)["id"]), fresh_key()

    first, again, once_more = (send_with_key(api, operation, url, key) for _ in range(3))

    assert first.status_code == operation.success
    assert_replay(again, first)
    assert_replay(once_more, first)


def test_a_repeated_creation_makes_one_task(api: httpx.Client, user_id: str) -> None:
    url, key = CREATE.url(user_id, ""), fresh_key()

    answers = [send_with_key(api, CREATE, url, key) for _ in range(3)]

    assert_task(answers[2].json())
    assert list_all(api, user_id) == [answers[2].json()]
    assert api.get(answers[2].headers["location"]).json() == answers[0].json()


def test_a_repeated_flip_flips_once(api: httpx.Client, user_id: str) -> None:
    task_id, key = create(api, user_id)["id"], fresh_key()

    first, again = flip(api, user_id, task_id, key), flip(api, user_id, task_id, key)

    assert_replay(again, first)
    assert fetch(api, user_id, task_id)["is_completed"] is True


def test_without_a_key_every_request_counts(api: httpx.Client, user_id: str) -> None:
    task_id = create(api, user_id)["id"]

    answers = [api.patch(COMPLETE.url(user_id, task_id)) for _ in range(2)]

    assert [(answer.json()["is_completed"], replayed(answer)) for answer in answers] == [(True, False), (False, False)]


def test_another_key_is_another_request(api: httpx.Client, user_id: str) -> None:
    task_id = create(api, user_id)["id"]

    answers = [flip(api, user_id, task_id, fresh_key()) for _ in range(2)]

    assert [(answer.json()["is_completed"], replayed(answer)) for answer in answers] == [(True, False), (False, False)]


@pytest.mark.parametrize("operation", WRITES_OF_ONE_TASK, ids=str)
def test_a_404_is_replayed(api: httpx.Client, user_id: str, operation: Operation) -> None:
    url, key = operation.url(user_id, unknown_id()), fresh_key()

    first, again = (send_with_key(api, operation, url, key) for _ in range(2))

    assert_problem(again, 404)
    assert_replay(again, first)


def test_a_replay_shows_the_task_as_it_was_then(api: httpx.Client, user_id: str) -> None:
    task_id, key = create(api, user_id)["id"], fresh_key()
    first = flip(api, user_id, task_id, key)
    changed = api.put(REPLACE.url(user_id, task_id), json={"title": "changed meanwhile"}).json()

    again = flip(api, user_id, task_id, key)

    assert_replay(again, first)
    assert fetch(api, user_id, task_id) == changed


def test_a_creation_is_replayed_although_its_task_is_deleted(api: httpx.Client, user_id: str) -> None:
    url, key = CREATE.url(user_id, ""), fresh_key()
    first = send_with_key(api, CREATE, url, key)
    assert api.delete(first.headers["location"]).status_code == 204

    again = send_with_key(api, CREATE, url, key)

    assert_replay(again, first)
    assert list_all(api, user_id) == []


def test_the_same_json_in_another_spelling_is_the_same_request(api: httpx.Client, user_id: str) -> None:
    url, headers = CREATE.url(user_id, ""), {"Idempotency-Key": fresh_key(), "Content-Type": "application/json"}
    spellings = [
        b'{"title": "caf\xc3\xa9", "is_completed": false}',
        b'{ "is_completed":false,\n "title":"caf\\u00e9", "description": null }',
    ]

    first, again = (api.post(url, content=body, headers=headers) for body in spellings)

    assert_replay(again, first)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda api, task, key: api.put(f"{task}", json={"title": "another"}, headers=key), id="body"),
        pytest.param(lambda api, task, key: api.delete(task, headers=key), id="method"),
        pytest.param(lambda api, task, key: api.patch(f"{task}/complete", headers=key), id="method and path"),
        pytest.param(
            lambda api, task, key: api.put(f"{task[:-36]}{unknown_id()}", json={"title": "first"}, headers=key),
            id="path",
        ),
        pytest.param(lambda api, task, key: api.post(task[:-37], json={"title": "first"}, headers=key), id="creation"),
    ],
)
def test_a_key_of_another_request_is_422_and_changes_nothing(api: httpx.Client, user_id: str, other) -> None:  # type: ignore[no-untyped-def]
    task = REPLACE.url(user_id, create(api, user_id)["id"])
    key = {"Idempotency-Key": fresh_key()}
    first = api.put(task, json={"title": "first"}, headers=key)

    refused = other(api, task, key)

    assert assert_problem(refused, 422)["type"] == "urn:taskwire:problem:idempotency-key-reused"
    assert not replayed(refused)
    assert "first" not in refused.text
    assert list_all(api, user_id) == [first.json()]
    assert_replay(api.put(task, json={"title": "first"}, headers=key), first)


def test_setting_and_flipping_are_two_requests(api: httpx.Client, user_id: str) -> None:
    task_id, key = create(api, user_id)["id"], fresh_key()
    flip(api, user_id, task_id, key)

    response = send_with_key(api, COMPLETE, COMPLETE.url(user_id, task_id), key)

    assert_problem(response, 422)


@pytest.mark.parametrize("operation", WRITES, ids=str)
def test_another_users_key_is_another_key(
    api: httpx.Client, user_id: str, stranger_id: str, operation: Operation
) -> None:
    key = fresh_key()
    urls = [operation.url(user, create(api, user)["id"]) for user in (user_id, stranger_id)]

    answers = [send_with_key(api, operation, url, key) for url in urls]

    assert [(answer.status_code, replayed(answer)) for answer in answers] == [(operation.success, False)] * 2


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b'{"title": ""}', "application/json", 422),
        (b"{", "application/json", 400),
        (b'{"title": "x"}', "text/plain", 415),
        (b" " * 70_000, "application/json", 413),
    ],
    ids=["422", "400", "415", "413"],
)
def test_a_request_that_was_refused_leaves_its_key_free(
    api: httpx.Client, user_id: str, body: bytes, content_type: str, status: int
) -> None:
    url, key = CREATE.url(user_id, ""), fresh_key()
    refused = api.post(url, content=body, headers={"Idempotency-Key": key, "Content-Type": content_type})

    corrected = send_with_key(api, CREATE, url, key)

    assert_problem(refused, status)
    assert (corrected.status_code, replayed(corrected)) == (201, False)

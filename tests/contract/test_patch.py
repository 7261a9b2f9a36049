"""PATCH /api/{user_id}/tasks/{id} changes the fields that are in its merge patch (RFC 7396); the others stay."""

from itertools import combinations

import httpx
import pytest

from tests.task_fields import ACCEPTED, REFUSED, SET_BY_CLIENTS

from .expectations import assert_problem, assert_unprocessable
from .tasks import DELETE, PATCH, create, fetch, list_all, send, unknown_id

FULL = {"title": "buy milk", "description": "two litres", "is_completed": True}
OTHER = {"title": "buy bread", "description": None, "is_completed": False}
SUBSETS = [names for count in range(len(OTHER) + 1) for names in combinations(OTHER, count)]
MERGE_PATCH = "application/merge-patch+json"
OTHER_TYPES = [
    None, "application/json", "application/json-patch+json", "application/merge-patch", "merge-patch+json",
    "text/plain", "application/merge-patch+jsonx", "application/merge-patch+json; charset=latin-1",
    "application/merge-patch+json, application/merge-patch+json",
]  # fmt: skip
SAME_TYPES = [MERGE_PATCH, "Application/Merge-Patch+JSON", f"{MERGE_PATCH}; charset=utf-8", f"{MERGE_PATCH} ;v=1"]


def patch(api: httpx.Client, user_id: str, task_id: str, fields: object, **headers: str) -> httpx.Response:
    return api.patch(PATCH.url(user_id, task_id), json=fields, headers=PATCH.headers | headers)


@pytest.mark.parametrize("names", SUBSETS, ids=str)
def test_the_fields_in_the_patch_are_set_and_the_others_stay(
    api: httpx.Client, user_id: str, names: tuple[str, ...]
) -> None:
    task = create(api, user_id, **FULL)
    changes = {name: OTHER[name] for name in names}

    response = patch(api, user_id, task["id"], changes)

    assert (response.status_code, response.json()) == (200, {**task, **changes})
    assert fetch(api, user_id, task["id"]) == response.json()


@pytest.mark.parametrize(("member", "value"), ACCEPTED)
def test_each_member_becomes_what_was_sent(api: httpx.Client, user_id: str, member: str, value: object) -> None:
    task = create(api, user_id, **FULL)

    response = patch(api, user_id, task["id"], {member: value})

    assert (response.status_code, response.json()) == (200, {**task, member: value})


def test_null_clears_the_description_and_leaves_none_as_it_is(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id, **FULL)

    first, again = (patch(api, user_id, task["id"], {"description": None}) for _ in range(2))

    assert first.json() == again.json() == {**task, "description": None}


@pytest.mark.parametrize("member", sorted(set(SET_BY_CLIENTS) - {"description"}))
def test_what_a_task_must_have_cannot_be_cleared(api: httpx.Client, user_id: str, member: str) -> None:
    task = create(api, user_id, **FULL)

    response = patch(api, user_id, task["id"], {member: None, "description": None})

    assert assert_unprocessable(response) == [f"#/{member}"]
    assert fetch(api, user_id, task["id"]) == task


@pytest.mark.parametrize(("member", "value"), REFUSED)
def test_one_bad_member_changes_nothing(api: httpx.Client, user_id: str, member: str, value: object) -> None:
    task = create(api, user_id, **FULL)

    response = patch(api, user_id, task["id"], {**OTHER, member: value})

    assert assert_unprocessable(response) == [f"#/{member}"]
    assert fetch(api, user_id, task["id"]) == task


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"1", b'[{"title": "x"}]'], ids=bytes.decode)
def test_a_patch_that_would_put_something_else_in_the_place_of_the_task_is_422(
    api: httpx.Client, user_id: str, body: bytes
) -> None:
    assert assert_unprocessable(send(api, PATCH, user_id, body)) == ["#"]


def test_what_an_answer_showed_may_be_sent_back(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id, **FULL)
    capitals = {"id": task["id"].upper(), "user_id": user_id.upper(), "created_at": "long ago"}

    same, changed = (patch(api, user_id, task["id"], one) for one in (task, {**capitals, "title": "x"}))

    assert (same.status_code, same.json()) == (200, task)
    assert (changed.status_code, changed.json()) == (200, {**task, "title": "x"})


@pytest.mark.parametrize("member", ["id", "user_id"])
@pytest.mark.parametrize("value", [unknown_id(), None, 1], ids=["another", "null", "number"])
def test_the_ids_of_a_task_cannot_be_changed(api: httpx.Client, user_id: str, member: str, value: object) -> None:
    task = create(api, user_id)

    response = patch(api, user_id, task["id"], {"title": "x", member: value})

    assert assert_unprocessable(response) == [f"#/{member}"]
    assert fetch(api, user_id, task["id"]) == task


@pytest.mark.parametrize("content_type", OTHER_TYPES, ids=str)
def test_what_is_not_called_a_merge_patch_is_415_and_changes_nothing(
    api: httpx.Client, user_id: str, content_type: str | None
) -> None:
    task = create(api, user_id)
    headers = {"Content-Type": content_type} if content_type is not None else {}

    response = api.patch(PATCH.url(user_id, task["id"]), content=b'{"title": "x"}', headers=headers)

    assert assert_problem(response, 415)["type"] == "urn:taskwire:problem:unsupported-media-type"
    assert (response.headers["accept"], response.headers["accept-patch"]) == (MERGE_PATCH, MERGE_PATCH)
    assert fetch(api, user_id, task["id"]) == task


@pytest.mark.parametrize("content_type", SAME_TYPES)
def test_what_is_called_a_merge_patch_is_read(api: httpx.Client, user_id: str, content_type: str) -> None:
    task = create(api, user_id)
    headers = {"Content-Type": content_type}

    response = api.patch(PATCH.url(user_id, task["id"]), content='{"title": "d\u00e9j\u00e0"}', headers=headers)

    assert (response.status_code, response.json()) == (200, {**task, "title": "d\u00e9j\u00e0"})


def test_a_deleted_task_is_404_and_stays_away(api: httpx.Client, user_id: str) -> None:
    task_id = create(api, user_id)["id"]
    api.delete(DELETE.url(user_id, task_id))

    response = patch(api, user_id, task_id, OTHER)

    assert_problem(response, 404)
    assert list_all(api, user_id) == []


def test_a_patch_changes_no_other_task(api: httpx.Client, user_id: str) -> None:
    kept, changed = create(api, user_id), create(api, user_id)

    patch(api, user_id, changed["id"], OTHER)

    assert fetch(api, user_id, kept["id"]) == kept


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"title": "x"}, {"title": "x", "description": None}),
        ({}, {"description": None}),
        ({"is_completed": True}, {"is_completed": False}),
        ({"title": "x"}, {"title": "y"}),
    ],
    ids=str,
)
def test_another_patch_under_the_same_key_is_422(
    api: httpx.Client, user_id: str, one: dict[str, object], other: dict[str, object]
) -> None:
    task = create(api, user_id, **FULL)
    key = {"Idempotency-Key": unknown_id()}

    first, second, again = (patch(api, user_id, task["id"], fields, **key) for fields in (one, other, one))

    assert assert_problem(second, 422)["type"] == "urn:taskwire:problem:idempotency-key-reused"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert fetch(api, user_id, task["id"]) == first.json()


def test_the_same_patch_in_another_order_is_the_same_request(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id, **FULL)
    key = {"Idempotency-Key": unknown_id()}
    turned = dict(reversed(OTHER.items()))

    first, again = (patch(api, user_id, task["id"], fields, **key) for fields in (OTHER, turned))

    assert (first.status_code, again.status_code, again.headers.get("idempotency-replayed")) == (200, 200, "true")

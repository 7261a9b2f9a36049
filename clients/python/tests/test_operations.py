"""The requests."""

import inspect
import json
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs
from uuid import UUID, uuid4

import pytest
from taskwire_client import AsyncClient, Client, Operation, Task, in_batches
from taskwire_client.exchange import Answer
from taskwire_client.operations import MAX_BATCH_BYTES, Target, create, first_page, page

USER = UUID("7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11")
SEEN = Task(
    uuid4(), "milk", None, is_completed=False, created_at=datetime(2026, 11, 23, tzinfo=UTC), user_id=USER, etag='"1-5"'
)


def test_the_two_clients_offer_the_same() -> None:
    def offered(client: type) -> dict[str, list[str]]:
        methods = inspect.getmembers(client, inspect.isfunction)
        return {name: list(inspect.signature(one).parameters) for name, one in methods if not name.startswith("_")}

    assert offered(Client) == offered(AsyncClient)


@pytest.mark.parametrize("url", ["", "tasks.example", "ftp://tasks.example", "http://", "/api"])
def test_what_is_no_address_is_a_value_error(url: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        Client(url, USER)


@pytest.mark.parametrize("task_id", ["", "../x", "b0f2e817"])
def test_what_is_no_id_is_never_sent(task_id: str) -> None:
    with pytest.raises(ValueError, match="UUID"):
        Target.of(USER, task_id)


def test_a_condition_needs_the_tag_of_the_same_task() -> None:
    assert Target.of(USER, str(SEEN.id), SEEN).if_match == '"1-5"'
    with pytest.raises(ValueError, match="no entity tag"):
        Target.of(USER, SEEN.id, replace(SEEN, etag=None))
    with pytest.raises(ValueError, match="another task"):
        Target.of(USER, uuid4(), SEEN)


def test_operations_are_spelled_as_the_api_has_them() -> None:
    operations = [
        Operation.create("milk", is_completed=True),
        Operation.replace(SEEN.id, "bread", if_unchanged=SEEN),
        Operation.patch(SEEN.id, description=None),
        Operation.complete(SEEN.id),
        Operation.delete(str(SEEN.id)),
    ]

    assert [one.members for one in operations] == [
        {"op": "create", "title": "milk", "is_completed": True},
        {"op": "replace", "id": str(SEEN.id), "if_match": '"1-5"', "title": "bread"},
        {"op": "patch", "id": str(SEEN.id), "description": None},
        {"op": "complete", "id": str(SEEN.id), "is_completed": True},
        {"op": "delete", "id": str(SEEN.id)},
    ]


def test_batches_stay_within_the_limits_of_the_api() -> None:
    operations = [Operation.create("é" * 255, description="🥛" * 2000) for _ in range(300)]
    small = [Operation.create("x") for _ in range(2001)]

    cut = list(in_batches([*operations, *small]))

    assert [one for batch in cut for one in batch] == [*operations, *small]
    sizes = [
        len(
            json.dumps(
                {"operations": [one.members for one in batch]}, ensure_ascii=False, separators=(",", ":")
            ).encode()
        )
        for batch in cut
    ]
    assert max(sizes) <= MAX_BATCH_BYTES
    assert max(map(len, cut)) == 1000
    assert len(cut) <= 6


def test_nothing_is_no_batch() -> None:
    assert list(in_batches([])) == []


def test_filters_become_parameters() -> None:
    query = first_page(50, {"is_completed": False, "q": "a&b +ü", "created_after": datetime(2026, 1, 2, tzinfo=UTC)})

    assert parse_qs(query) == {
        "limit": ["50"],
        "is_completed": ["false"],
        "q": ["a&b +ü"],
        "created_after": ["2026-01-02T00:00:00+00:00"],
    }


def test_a_time_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        first_page(50, {"created_after": datetime(2026, 1, 2)})  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize(
    ("link", "query"),
    [
        ('</api/u/tasks?limit=1&cursor=a%2Cb>; rel="next"', "limit=1&cursor=a%2Cb"),
        ('<https://x/y?a=1>; rel=prev, </z?cursor=2>; title="t"; rel=next', "cursor=2"),
        ('<https://x/y?a=1>; rel="prev"', None),
        ("", None),
    ],
)
def test_the_next_page_is_where_the_link_leads(link: str, query: str | None) -> None:
    assert page(USER, "").read(Answer(200, {"link": link}, b"[]")).next == query


def test_text_that_is_no_unicode_is_never_sent() -> None:
    with pytest.raises(UnicodeEncodeError):
        create(USER, {"title": "\ud800"}, None)

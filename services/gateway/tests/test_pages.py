"""A page is asked for in a lane of its own and answered with a Link; a cursor says where it goes on, and no more."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from common.contracts.framing import pack
from common.contracts.reads import Page, Position, largest_page
from gateway import cursors
from gateway.pages import MAX_POSITION_BYTES
from gateway.read_lanes import open_read_lanes

from .in_process import TASKS, settings
from .test_reads import gateway_reading, http

USER = UUID(TASKS.split("/")[2])
ID = UUID("c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33")
CREATED = Position(key="2026-11-23T01:43:50.378970+00:00", id=ID)
TITLE = Position(key="Buy milk ☕", id=ID)
PAGE_BYTES = b'{"key" : "Buy milk", "id" : "c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33"}\n[{"id":"x"}]'
FROZEN = {
    "lXLqHGIp52rCuePUWmFMf44CbR8Km4wzMjAyNi0xMS0yM1QwMTo0Mzo1MC4zNzg5NzArMDA6MDA": (Page(limit=50), CREATED),
    "zsC0W677mOrCuePUWmFMf44CbR8Km4wzQnV5IG1pbGsg4piV": (
        Page(
            order="title",
            limit=1,
            is_completed=True,
            q="milk",
            created_after=datetime(2026, 11, 23, 1, 43, 50, tzinfo=UTC),
        ),
        TITLE,
    ),
}
"""Cursors that gateways of earlier releases have given to clients."""


@pytest.mark.parametrize("cursor", FROZEN)
def test_a_cursor_is_what_it_was_in_earlier_releases(cursor: str) -> None:
    page, position = FROZEN[cursor]

    assert cursors.encode(USER, page, position) == cursor
    assert cursors.decode(cursor, USER, page) == position
    assert cursors.decode(cursor, USER, page.model_copy(update={"limit": 7})) == position


def test_the_longest_cursor_fits_into_the_head_of_a_request() -> None:
    page = largest_page()
    position = Position(key="\U0001f95b" * 255, id=ID)

    cursor = cursors.encode(USER, page, position)

    assert len(cursor) <= 1_400
    assert cursors.decode(cursor, USER, page) == position


def test_the_longest_position_fits_into_what_is_searched_for_its_end() -> None:
    position = json.dumps({"key": "\x01" * 255, "id": str(ID)})

    assert len(position) < MAX_POSITION_BYTES


@pytest.mark.parametrize(
    ("query", "lane"),
    [
        ({"limit": 100}, "pages"),
        ({"limit": 100, "order": "-title"}, "pages"),
        ({"limit": 100, "order": "created_at", "created_after": "2026-11-23T01:43:50Z"}, "pages"),
        ({"limit": 101}, "searches"),
        ({"limit": 1, "q": "milk"}, "searches"),
        ({"limit": 1, "is_completed": False}, "searches"),
        ({"limit": 1, "order": "title", "created_before": "2026-11-23T01:43:50Z"}, "searches"),
    ],
    ids=str,
)
async def test_what_may_take_long_has_a_lane_of_its_own(query: dict[str, object], lane: str) -> None:
    async with open_read_lanes(settings(1)) as lanes:
        assert lanes.lane_of(Page.model_validate(query)) is getattr(lanes, lane)


async def asked_with(query: str, answer: bytes) -> tuple[Any, Any]:
    """The gateway's answer, and what it asked the reader for."""
    async with gateway_reading(http("200 OK", pack([answer]))) as (gateway, asked):
        return await gateway.ask("GET", f"{TASKS}?{query}"), asked


async def test_a_page_is_asked_for_as_it_was_wanted_and_passed_on_with_its_link() -> None:
    answer, asked = await asked_with("order=title&q=milk&limit=7&is_completed=false", PAGE_BYTES)

    page = {"order": "title", "limit": 7, "is_completed": False, "q": "milk"}
    assert asked[0]["reads"][0] | {"request_id": None} == {
        "user_id": str(USER), "task_id": None, "page": page, "request_id": None,
    }  # fmt: skip
    assert (answer.status, answer.headers["content-type"], answer.body) == (200, "application/json", b'[{"id":"x"}]')
    parts = urlsplit(answer.headers["link"].partition(">")[0].removeprefix("<"))
    (cursor,) = parse_qs(parts.query)["cursor"]
    assert cursors.decode(cursor, USER, Page(**page)) == Position(key="Buy milk", id=ID)


async def test_the_cursor_is_asked_for_as_the_position_that_it_stands_for() -> None:
    page = Page(limit=1)
    cursor = cursors.encode(USER, page, CREATED)

    answer, asked = await asked_with(f"cursor={cursor}", b"\n[]")

    assert asked[0]["reads"][0]["page"] == {
        "order": "-created_at", "limit": 1000, "after": {"key": CREATED.key, "id": str(ID)},
    }  # fmt: skip
    assert ("link" in answer.headers, answer.body) == (False, b"[]")


async def test_a_page_has_the_entity_tag_of_the_list() -> None:
    answer, _ = await asked_with("limit=1", b"7 " + PAGE_BYTES)

    assert (answer.status, answer.headers["etag"], answer.body) == (200, '"1-7"', b'[{"id":"x"}]')
    assert "link" in answer.headers


async def test_a_page_that_the_client_has_is_304() -> None:
    async with gateway_reading(http("200 OK", pack([b"7"]))) as (gateway, asked):
        answer = await gateway.ask("GET", f"{TASKS}?limit=1", headers={"If-None-Match": '"1-7"'})

    assert (answer.status, answer.headers["etag"], answer.body) == (304, '"1-7"', b"")
    assert asked[0]["reads"][0]["known_revision"] == 7


async def test_without_parameters_no_page_is_asked_for() -> None:
    _, asked = await asked_with("_=1", b"[]")

    assert "page" not in asked[0]["reads"][0]


@pytest.mark.parametrize("answer", [b"[]", b'[{"id":"x"}, \n {"id":"y"}]', b"", b"{}"])
async def test_a_reader_of_the_release_before_that_answers_all_tasks_is_503(answer: bytes) -> None:
    told, _ = await asked_with("limit=1", answer)

    assert (told.status, told.json()["type"]) == (503, "urn:taskwire:problem:unavailable")

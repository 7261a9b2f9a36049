"""Changes are what the reader says, the list where all are asked for, and 503 from a reader that knows no changes."""

import json

import pytest
from common.contracts.framing import pack

from .in_process import CHANGES
from .test_reads import gateway_reading, http

DELTA = b'{"revision": 7, "changed": [], "deleted": []}'
LIST = b'[{"id":"x"}]'


async def test_a_delta_is_asked_for_by_its_revision_and_passed_on() -> None:
    async with gateway_reading(http("200 OK", pack([b"7 " + DELTA]))) as (gateway, asked):
        answer = await gateway.ask("GET", f"{CHANGES}?since=5")

    assert (answer.status, answer.body, answer.headers["etag"]) == (200, DELTA, '"1-7"')
    assert [read["since"] for read in asked[0]["reads"]] == [5]


async def test_all_changes_are_the_list() -> None:
    async with gateway_reading(http("200 OK", pack([b"7 " + LIST]))) as (gateway, asked):
        answer = await gateway.ask("GET", CHANGES)

    assert json.loads(answer.body) == {"revision": 7, "changed": [{"id": "x"}], "deleted": []}
    assert answer.headers["etag"] == '"1-7"'
    assert "since" not in asked[0]["reads"][0]


async def test_what_the_reader_cannot_tell_is_410() -> None:
    async with gateway_reading(http("200 OK", pack([None]), "Min-Revision: checked")) as (gateway, asked):
        answer = await gateway.ask("GET", f"{CHANGES}?since=5")

    assert (answer.status, json.loads(answer.body)["type"]) == (410, "urn:taskwire:problem:changes-gone")
    assert [read["min_revision"] for read in asked[0]["reads"]] == [5]


async def test_what_a_reader_of_the_release_before_cannot_tell_is_503() -> None:
    """It may have asked a replica that has not reached the revision."""
    async with gateway_reading(http("200 OK", pack([None])), gives_up=True) as (gateway, _):
        answer = await gateway.ask("GET", f"{CHANGES}?since=5")

    assert answer.status == 503


@pytest.mark.parametrize("query", ["", "?since=5"])
@pytest.mark.parametrize("condition", [{}, {"If-None-Match": '"1-7"'}])
async def test_a_reader_without_revisions_is_503(query: str, condition: dict[str, str]) -> None:
    async with gateway_reading(http("200 OK", pack([LIST])), gives_up=True) as (gateway, _):
        answer = await gateway.ask("GET", CHANGES + query, headers=condition)

    assert answer.status == 503


async def test_a_list_is_no_delta() -> None:
    """A reader of the release before does not know the field, and answers with all tasks."""
    async with gateway_reading(http("200 OK", pack([b"7 " + LIST]))) as (gateway, _):
        answer = await gateway.ask("GET", f"{CHANGES}?since=5")

    assert answer.status == 503


@pytest.mark.parametrize("query", ["", "?since=5"])
async def test_a_revision_that_is_known_is_304(query: str) -> None:
    async with gateway_reading(http("200 OK", pack([b"7"]))) as (gateway, asked):
        answer = await gateway.ask("GET", CHANGES + query, headers={"If-None-Match": 'W/"1-7"'})

    assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", '"1-7"')
    assert [read["known_revision"] for read in asked[0]["reads"]] == [7]

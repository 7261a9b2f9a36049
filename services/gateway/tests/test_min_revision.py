"""Min-Revision: what is understood as a revision, what is refused, and how many reads may wait for one."""

import re
from uuid import uuid4

import pytest
from common.contracts.framing import pack
from common.http.problems import INVALID_MIN_REVISION, Problem
from gateway.entity_tags import MAX_REVISION
from gateway.min_revision import PATTERN, read_min_revision
from gateway.waiting import BoundedWaits, Full

from .in_process import CHANGES, TASK, TASKS
from .test_reads import gateway_reading, http

CHECKED = "Min-Revision: checked"


@pytest.mark.parametrize(
    ("values", "revision"),
    [
        (None, None),
        (["7"], 7),
        (["0"], 0),
        ([" 7\t"], 7),
        (['"7"'], 7),
        (['W/"7"'], 7),
        (['"1-7"'], 7),
        (['W/"1-7"'], 7),
        (['"23-7"'], 7),
        ([str(MAX_REVISION)], MAX_REVISION),
    ],
)
def test_a_revision_is_a_number_or_an_entity_tag_of_any_shape(values: list[str] | None, revision: int | None) -> None:
    assert read_min_revision(values) == revision


@pytest.mark.parametrize(
    "values",
    [
        [""], ["x"], ["-1"], ["+7"], ["07"], ["7.0"], ["1-7"], ['"1-7'], ['w/"1-7"'], ["W/7"], ['"x-7"'], ['"-7"'],
        ['"1-07"'], ["*"], ['"1-7", "1-8"'], ["7, 8"], ["\u0667"], [str(MAX_REVISION + 1)], ["9" * 5000], ["7", "7"],
    ],
    ids=repr,
)  # fmt: skip
def test_anything_else_is_400_and_says_what_is_allowed(values: list[str]) -> None:
    with pytest.raises(Problem, match="Min-Revision") as refused:
        read_min_revision(values)

    assert refused.value.kind is INVALID_MIN_REVISION


@pytest.mark.parametrize("path", [TASKS, TASK, f"{TASKS}?limit=1", f"{TASKS}?q=x", CHANGES, f"{CHANGES}?since=5"])
async def test_the_reader_is_told_the_revision_and_only_when_one_is_named(path: str) -> None:
    async with gateway_reading(http("200 OK", pack([b"7"]), CHECKED)) as (gateway, asked):
        for headers in ({}, {"Min-Revision": '"1-6"'}):
            await gateway.ask("GET", path, headers=headers)

    implied = [5] if "since" in path else [None]
    assert [read.get("min_revision") for batch in asked for read in batch["reads"]] == [*implied, 6]


async def test_what_the_primary_has_not_reached_is_412() -> None:
    async with gateway_reading(http("200 OK", pack([b"unreached"]), CHECKED)) as (gateway, asked):
        answer = await gateway.ask("GET", TASK, headers={"Min-Revision": "7"})

    assert (answer.status, answer.json()["type"]) == (412, "urn:taskwire:problem:revision-unreached")
    assert len(asked) == 1


async def test_what_a_replica_has_not_reached_is_asked_for_a_few_times_and_then_503() -> None:
    async with gateway_reading(http("200 OK", pack([b"behind"]), CHECKED), read_timeout_s=1) as (gateway, asked):
        answer = await gateway.ask("GET", TASK, headers={"Min-Revision": "7"})

    assert (answer.status, answer.json()["detail"]) == (503, "No server has reached the revision 7 in time.")
    assert 2 <= len(asked) <= 6  # at once, and after pauses of 20, 40, 80, 160 and 320 ms


@pytest.mark.parametrize(
    ("path", "answer", "status"),
    [
        (TASK, b"7 {}", 503),
        (TASK, None, 503),
        (TASKS, b"7 []", 200),
        (TASKS, b"6 []", 503),
        (TASKS, b"[]", 503),
        (f"{CHANGES}?since=5", b"7 {}", 200),
    ],
)
async def test_a_reader_that_does_not_compare_revisions_is_believed_only_where_it_proves_them(
    path: str, answer: bytes | None, status: int
) -> None:
    """One of the release before: what it says of a task may come from a replica that is behind."""
    async with gateway_reading(http("200 OK", pack([answer])), gives_up=status == 503) as (gateway, _):
        read = await gateway.ask("GET", path, headers={"Min-Revision": "7"})

    assert read.status == status


def test_a_user_gets_a_quarter_of_the_waits_and_all_users_no_more_than_there_are() -> None:
    waits, anna, others = BoundedWaits(8), uuid4(), [uuid4() for _ in range(6)]

    with waits.holding(anna), waits.holding(anna):
        with pytest.raises(Full), waits.holding(anna):
            pass
        held = [waits.holding(other) for other in others]
        for one in held:
            one.__enter__()
        with pytest.raises(Full), waits.holding(uuid4()):
            pass
        for one in held:
            one.__exit__(None, None, None)

    with waits.holding(anna):
        pass


@pytest.mark.parametrize("number", [MAX_REVISION + 1, 9 * 10**18, 10**19 - 1, 10**19])
def test_what_is_documented_is_never_too_large(number: int) -> None:
    assert not re.fullmatch(PATTERN, str(number))
    assert not re.fullmatch(PATTERN, f'"1-{number}"')
    assert re.fullmatch(PATTERN, "8999999999999999999")

"""If-Match and If-None-Match, as a write and a read understand them (RFC 9110, section 13)."""

import pytest
from common.contracts.commands import Precondition
from common.http.problems import INVALID_PRECONDITION, Problem
from gateway.preconditions import (
    IF_MATCH,
    IF_NONE_MATCH,
    ReadCondition,
    known_revision,
    read_condition,
    write_precondition,
)

MALFORMED = ["1-7", "*, *", '*, "1-7"', '"1-7', 'w/"1-7"']


@pytest.mark.parametrize(
    ("if_match", "if_none_match", "precondition"),
    [
        (None, None, None),
        (["*"], None, None),
        ([" * "], None, None),
        (['"1-7"'], None, Precondition(if_match=[7])),
        (['W/"1-7"'], None, Precondition(if_match=[7])),
        (['"1-7"', '"x", "1-8"'], None, Precondition(if_match=[7, 8])),
        (['"x"'], None, Precondition(if_match=[])),
        ([""], None, Precondition(if_match=[])),
        (None, ["*"], Precondition(if_match=[])),
        (["*"], ["*"], Precondition(if_match=[])),
        (['"1-7"'], ["*"], Precondition(if_match=[])),
        (None, ['"1-7"'], Precondition(if_none_match=[7])),
        (None, ['"x"'], None),
        (None, [""], None),
        (['"1-7"'], ['"1-8"'], Precondition(if_match=[7], if_none_match=[8])),
        (["*"], ['"1-8"'], Precondition(if_none_match=[8])),
    ],
)
def test_what_the_task_writer_has_to_compare(
    if_match: list[str] | None, if_none_match: list[str] | None, precondition: Precondition | None
) -> None:
    assert write_precondition(if_match, if_none_match) == precondition


@pytest.mark.parametrize(
    ("if_match", "if_none_match", "fails", "knows"),
    [
        (['"1-7"'], None, False, False),
        (['W/"1-6", "1-7"'], None, False, False),
        (["*"], None, False, False),
        (['"1-6"'], None, True, False),
        (['"x"'], None, True, False),
        (None, ['"1-7"'], False, True),
        (None, ['"1-6", W/"1-7"'], False, True),
        (None, ["*"], False, True),
        (None, ['"1-6"'], False, False),
        (None, ['"2-7"'], False, False),
        (['"1-6"'], ['"1-7"'], True, True),
    ],
)
def test_what_a_read_at_revision_7_is_answered_with(
    if_match: list[str] | None, if_none_match: list[str] | None, *, fails: bool, knows: bool
) -> None:
    condition = read_condition(if_match, if_none_match)

    assert condition is not None
    assert (condition.fails_at(7), condition.knows(7)) == (fails, knows)


@pytest.mark.parametrize(
    ("condition", "revision"),
    [
        (None, None),
        (ReadCondition(None, [7]), 7),
        (ReadCondition(None, [7, 8]), None),
        (ReadCondition(None, []), None),
        (ReadCondition(None, "*"), None),
        (ReadCondition([7], [7]), None),
        (ReadCondition("*", None), None),
    ],
)
def test_postgresql_is_told_of_a_single_revision_that_decides(
    condition: ReadCondition | None, revision: int | None
) -> None:
    assert known_revision(condition) == revision


@pytest.mark.parametrize("value", MALFORMED)
@pytest.mark.parametrize("header", [IF_MATCH, IF_NONE_MATCH])
def test_what_is_no_list_of_tags_is_refused_and_named(header: str, value: str) -> None:
    given = ([value], None) if header == IF_MATCH else (None, [value])

    for understood in (read_condition, write_precondition):
        with pytest.raises(Problem, match=f"^{header} must be") as caught:
            understood(*given)
        assert caught.value.kind is INVALID_PRECONDITION

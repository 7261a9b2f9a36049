"""Entity tags: what is ours is found in every list that RFC 9110 allows, and a tag changes with the shape of a task."""

import pytest
from gateway.answers import Task
from gateway.entity_tags import SHAPE, entity_tag, read_tags

SHAPES = {"1": ("title", "description", "is_completed", "id", "created_at", "user_id")}
"""The members of a task under each value of SHAPE. Add a line, and never change one: clients keep bodies for long."""

A, B = 1_764_115_200_000_000, 7


def test_another_shape_of_a_task_has_another_tag() -> None:
    assert SHAPES[SHAPE] == tuple(Task.model_fields)
    assert len(set(SHAPES.values())) == len(SHAPES)


@pytest.mark.parametrize("revision", [0, 7, A, 2**63 - 1])
def test_a_tag_is_read_as_it_was_written(revision: int) -> None:
    assert read_tags(entity_tag(revision)) == [revision]


@pytest.mark.parametrize(
    ("value", "revisions"),
    [
        ('"1-7"', [7]),
        ('W/"1-7"', [7]),
        (f'"1-7", "1-{A}"', [7, A]),
        (f'"1-7"\t ,,, W/"1-{A}" ,', [7, A]),
        (', , "1-7"', [7]),
        ('"1-7","1-7", W/"1-7"', [7]),
        ('"1-7", "another-server\'s", W/""', [7]),
        ('"a,b", "1-7"', [7]),
        ('"\x80\xff"', []),
        ("", []),
        (", ,", []),
        ('"2-7"', []),
        ('"1-07"', []),
        ('"1--7"', []),
        ('"1-7!"', []),
        ('"1-"', []),
        (f'"1-{2**63}"', []),
        (f'"1-{"9" * 30}"', []),
    ],
)
def test_the_revisions_of_a_list_are_those_of_our_tags(value: str, revisions: list[int]) -> None:
    assert read_tags(value) == revisions


@pytest.mark.parametrize(
    "value",
    [
        "1-7",
        "*",
        '"1-7" "1-8"',
        '"1-7',
        '1-7"',
        'w/"1-7"',
        'W/ "1-7"',
        'W"1-7"',
        '"1 7"',
        '"1-7", 1-8',
        '"\x7f"',
        '"a"b"',
    ],
)
def test_what_is_no_list_of_tags_is_noticed(value: str) -> None:
    assert read_tags(value) is None


def test_a_long_list_is_read_in_no_time() -> None:
    assert read_tags('"x",' * 20_000 + "!") is None
    assert read_tags(", " * 20_000 + "!") is None
    assert read_tags('"1-7"' + " \t" * 20_000 + "!") is None

"""What the bytes of a body mean: a task, JSON that breaks a rule (422), or no JSON at all (400)."""

from itertools import product

import pytest
from common.http.problems import INVALID_TASK, MALFORMED_BODY, Problem, ProblemType
from gateway.bodies import TaskBody, read_json
from gateway.json_faults import parse_json

from .body_requests import TITLE, kind_of, refusal, request

DEPTH = 30_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b'{"title": "Buy mi',
        b'{"title": "Buy milk"',
        b'{"title": "Buy milk"} {}',
        b"{'title': 'Buy milk'}",
        b'{"title": "Buy milk",}',
        b'{"title": NaN}',
        b'{"title": "Buy milk", "other": NaN}',
        b'{"title": "Buy milk", "description": -Infinity}',
        b'{"title": "Buy\nmilk"}',
        b'{"title": "\\x41"}',
        b'{"title": "caf\xe9"}',
        b'{"title": "\xed\xa0\x80"}',
        b"\xef\xbb\xbf",
        b"\xef\xbb\xbf" * 2 + TITLE,
        TITLE.decode().encode("utf-16"),
        TITLE.decode().encode("utf-16-le"),
        b"[" * DEPTH,
    ],
    ids=lambda body: repr(body[:40]),
)
async def test_what_is_no_json_is_400(body: bytes) -> None:
    assert await kind_of(body) == MALFORMED_BODY


@pytest.mark.parametrize(
    "body",
    [
        b"null",
        b"[]",
        b'"Buy milk"',
        b"{}",
        b'{"title": null}',
        b'{"title": ""}',
        b'{"title": " \\t\\u00a0"}',
        b'{"title": "a\\u0000b"}',
        b'{"title": "\\ud800"}',
        b'{"title": "\\udc00\\ud800"}',
        b'{"title": "Buy milk", "\\ud800": 1}',
        b'{"title": "Buy milk", "is_completed": 1}',
        b'{"title": "Buy milk", "is_completed": "true"}',
        b'{"title": "Buy milk", "is_completed": null}',
        b'{"title": "Buy milk", "user_id": "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11"}',
        b'{"title": "' + b"x" * 256 + b'"}',
        b'{"title": "Buy milk", "description": "' + b"x" * 2001 + b'"}',
        b'{"title": ' + b"[" * 300 + b"]" * 300 + b"}",
        b'{"title": 1e999}',
    ],
    ids=lambda body: repr(body[:40]),
)
async def test_json_that_breaks_a_rule_is_422(body: bytes) -> None:
    assert await kind_of(body) == INVALID_TASK


@pytest.mark.parametrize(
    ("body", "kinds"),
    [
        (b"[" * DEPTH + b"]" * DEPTH, {MALFORMED_BODY}),
        (b'{"":' * 9_000 + b"1" + b"}" * 9_000, {MALFORMED_BODY, INVALID_TASK}),  # at the edge of what is parsed
    ],
    ids=["arrays", "objects"],
)
async def test_json_that_is_nested_beyond_all_sense_is_refused(body: bytes, kinds: set[ProblemType]) -> None:
    assert await kind_of(body) in kinds


@pytest.mark.parametrize(
    "number", ["9" * 4_000, "9" * 5_000, "-" + "9" * 5_000, "1e999999", "-1E+999999", "1e-999999", "0." + "3" * 5_000]
)
@pytest.mark.parametrize("member", ["title", "description", "is_completed", "unknown"])
async def test_a_number_of_any_size_is_a_wrong_type(member: str, number: str) -> None:
    body = {"title": '"Buy milk"', member: number}

    problem = await refusal(request(("{" + ", ".join(f'"{name}": {body[name]}' for name in body) + "}").encode()))

    assert (problem.kind, problem.errors[0]["pointer"]) == (INVALID_TASK, f"#/{member}")


@pytest.mark.parametrize(
    ("body", "member"),
    [
        (b'{"title": "first", "title": "last"}', "title"),
        (b'{"title": "same", "title": "same"}', "title"),
        (b'{"title": "a", "titl\\u0065": "b"}', "title"),
        (b'{"title": "a:b", "is_completed": true, "is_completed": true}', "is_completed"),
        (b'{"title": "a\\u003ab", "is_completed": true, "is_completed": true}', "is_completed"),
        (b'{"title": "a\\u003Ab", "description": ":", "title": "a\\u003ab"}', "title"),
        (b'{"title": "a:b:c", "title": "a:b"}', "title"),
        (b'{"title": "\\u003a", "title": "\\u003a"}', "title"),
        (b'{"title": "\\ud800", "title": "Buy milk"}', "title"),
        (b'{"title": 1, "x": {"y": [{"a": 1, "\\u0061": 2}]}}', "a"),
        (b'{"title": "a", "unknown": 1, "unknown": 2}', "unknown"),
        (b'{"title": "a", "": 1, "": 2}', ""),
    ],
)
async def test_a_member_that_is_there_twice_is_400_and_named(body: bytes, member: str) -> None:
    problem = await refusal(request(body))

    assert (problem.kind, problem.detail) == (MALFORMED_BODY, f'An object has the member "{member}" more than once.')


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        (b"[]", ["#"]),
        (b"{}", ["#/title"]),
        (b'{"title": 1, "is_completed": 2}', ["#/title", "#/is_completed"]),
        (b'{"title": "\\ud800", "description": 3}', ["#/title", "#/description"]),
        (b'{"title": "Buy milk", "a/b~c": 1}', ["#/a~1b~0c"]),
        (b'{"title": "Buy milk", "": 1}', ["#/"]),
    ],
)
async def test_a_422_points_to_every_fault(body: bytes, pointers: list[str]) -> None:
    problem = await refusal(request(body))

    assert [fault["pointer"] for fault in problem.errors] == pointers


async def test_no_fault_repeats_what_was_sent() -> None:
    problem = await refusal(request(b'{"title": 4711, "description": ["4711"], "is_completed": "4711"}'))

    assert "4711" not in str(problem.errors)


@pytest.mark.parametrize(
    ("body", "title"),
    [
        (b"\xef\xbb\xbf" + TITLE, "Buy milk"),
        (b'{"title": "at: 8:30"}', "at: 8:30"),
        (b'{"title": "a\\u003ab", "description": ":"}', "a:b"),
        (b' \n{"title": "Buy milk"}\r\n', "Buy milk"),
        (b'{"title": "\\ud83d\\ude00"}', "😀"),
        ('{"title": "😀é"}'.encode(), "😀é"),
        (b'{"title": "' + "é".encode() * 255 + b'"}', "é" * 255),
    ],
)
async def test_a_sound_body_is_accepted(body: bytes, title: str) -> None:
    task = await read_json(request(body), TaskBody)

    assert task.title == title


async def test_what_a_task_leaves_out_has_its_default() -> None:
    task = await read_json(request(TITLE), TaskBody)

    assert (task.description, task.is_completed) == (None, False)


MEMBERS = {  # as JSON, and the name that is meant
    '"title": "a"': "title",
    '"title":"a:b"': "title",
    '"title" : "\\u003a"': "title",
    '"titl\\u0065":":\\\\u003a:"': "title",
    '"description":"::"': "description",
    '"description":null': "description",
    '"is_completed":true': "is_completed",
}


def test_a_body_is_taken_exactly_when_it_has_each_member_once() -> None:
    bodies = [('"title": "x"', *parts) for count in range(4) for parts in product(MEMBERS, repeat=count)]
    once = [len({MEMBERS.get(part, "title") for part in parts}) == len(parts) for parts in bodies]

    assert [is_taken(f"{{{', '.join(parts)}}}".encode()) for parts in bodies] == once


def is_taken(body: bytes) -> bool:
    try:
        parse_json(body, TaskBody)
    except Problem:
        return False
    return True

"""A body that is not valid JSON is a 400; JSON that does not match the schema is a 422."""

import httpx
import pytest

from .expectations import assert_problem, assert_unprocessable
from .tasks import BATCH, COMPLETE, CREATE, PATCH, REPLACE, WITH_BODY, Operation, create, fetch, list_all, send

DEPTH = 30_000
NO_JSON = {
    "plain text": b"buy milk",
    "a form": b"title=buy+milk",
    "cut off in a string": b'{"title": "buy mi',
    "cut off after a value": b'{"title": "buy milk"',
    "single quotes": b"{'title': 'buy milk'}",
    "no quotes": b'{title: "buy milk"}',
    "a trailing comma": b'{"title": "buy milk",}',
    "a comment": b'{"title": "buy milk"} // today',
    "two documents": b'{"title": "buy milk"} {"title": "buy bread"}',
    "NaN": b'{"title": "buy milk", "description": NaN}',
    "Infinity": b'{"title": "buy milk", "description": Infinity}',
    "-Infinity": b'{"title": "buy milk", "description": -Infinity}',
    "a leading zero": b'{"title": "buy milk", "description": 01}',
    "Python's True": b'{"title": "buy milk", "is_completed": True}',
    "a raw line feed in a string": b'{"title": "buy\nmilk"}',
    "a raw NUL in a string": b'{"title": "buy\x00milk"}',
    "an unknown escape": b'{"title": "\\x41"}',
    "a short escape": b'{"title": "\\u12"}',
    "latin-1": '{"title": "café"}'.encode("latin-1"),
    "a stray byte": b'{"title": "buy \xff milk"}',
    "an overlong NUL": b'{"title": "buy \xc0\x80 milk"}',
    "a surrogate in bytes": b'{"title": "buy \xed\xa0\x80 milk"}',
    "a cut off character": b'{"title": "caf\xc3"}',
    "UTF-16 with a mark": '{"title": "buy milk"}'.encode("utf-16"),
    "UTF-16 without a mark": '{"title": "buy milk"}'.encode("utf-16-le"),
    "UTF-32": '{"title": "buy milk"}'.encode("utf-32"),
    "two byte order marks": b'\xef\xbb\xbf\xef\xbb\xbf{"title": "buy milk"}',
    "a title twice": b'{"title": "buy milk", "title": "buy bread"}',
    "a completion twice": b'{"is_completed": true, "is_completed": false}',
    "a member twice, once escaped": b'{"title": "buy milk", "titl\\u0065": "buy milk"}',
    "a member twice inside of another": b'{"title": {"a": 1, "a": 1}}',
    "brackets without end": b"[" * DEPTH,
    "braces without end": b'{"title":' * 7_000,
}
WRONG_SHAPES = {
    "an array": b'[{"title": "buy milk"}]',
    "an empty array": b"[]",
    "a string": b'"buy milk"',
    "a number": b"1",
    "null": b"null",
    "true": b"true",
}
# RFC 8259 lets a parser limit depth and range: then the body cannot be read (400), else it has a wrong shape (422).
BEYOND_SOME_PARSERS = {
    "deeply nested": b"[" * DEPTH + b"]" * DEPTH,
    "deep in a field": b'{"title": ' + b"[" * DEPTH + b"]" * DEPTH + b"}",
}
NUMBERS = {
    "4,000 digits": b"9" * 4_000,
    "5,000 digits": b"9" * 5_000,
    "60,000 digits": b"9" * 60_000,
    "beyond doubles": b"1e999",
    "far beyond doubles": b"-1e999999",
    "a long fraction": b"0." + b"3" * 5_000,
}


@pytest.mark.parametrize("body", NO_JSON.values(), ids=NO_JSON.keys())
@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_what_is_no_json_is_400(api: httpx.Client, user_id: str, operation: Operation, body: bytes) -> None:
    response = send(api, operation, user_id, body)

    assert_problem(response, 400)


# The completion is not here: its body is optional, and whether white space is a body is left open.
@pytest.mark.parametrize("body", [b"", b" ", b"\r\n\t "], ids=["empty", "a space", "white space"])
@pytest.mark.parametrize("operation", [CREATE, REPLACE, PATCH, BATCH], ids=str)
def test_an_empty_body_is_400_where_one_is_required(
    api: httpx.Client, user_id: str, operation: Operation, body: bytes
) -> None:
    response = send(api, operation, user_id, body)

    assert_problem(response, 400)


@pytest.mark.parametrize("operation", [CREATE, REPLACE, PATCH, BATCH], ids=str)
def test_no_body_at_all_is_400_where_one_is_required(api: httpx.Client, user_id: str, operation: Operation) -> None:
    task_id = create(api, user_id)["id"]

    response = api.request(operation.method, operation.url(user_id, task_id))

    assert_problem(response, 400)


@pytest.mark.parametrize("body", WRONG_SHAPES.values(), ids=WRONG_SHAPES.keys())
@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_json_of_a_wrong_shape_is_422(api: httpx.Client, user_id: str, operation: Operation, body: bytes) -> None:
    response = send(api, operation, user_id, body)

    assert_unprocessable(response)


@pytest.mark.parametrize("body", BEYOND_SOME_PARSERS.values(), ids=BEYOND_SOME_PARSERS.keys())
@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_json_beyond_a_parsers_limits_is_refused(
    api: httpx.Client, user_id: str, operation: Operation, body: bytes
) -> None:
    response = send(api, operation, user_id, body)

    assert response.status_code in {400, 422}
    assert_problem(response, response.status_code)


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS.keys())
@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_a_number_of_any_size_is_422(api: httpx.Client, user_id: str, operation: Operation, number: bytes) -> None:
    member = b"is_completed" if operation == COMPLETE else b"title"

    response = send(api, operation, user_id, b'{"%b": %b}' % (member, number))

    assert assert_unprocessable(response) == [f"#/{member.decode()}"]


def test_a_byte_order_mark_is_no_part_of_the_json(api: httpx.Client, user_id: str) -> None:
    response = send(api, CREATE, user_id, b'\xef\xbb\xbf{"title": "buy milk"}')

    assert (response.status_code, response.json()["title"]) == (201, "buy milk")


def test_what_is_no_json_creates_nothing(api: httpx.Client, user_id: str) -> None:
    send(api, CREATE, user_id, b'{"title": "buy milk"')

    assert list_all(api, user_id) == []


@pytest.mark.parametrize("operation", [REPLACE, PATCH, COMPLETE], ids=str)
def test_what_is_no_json_changes_nothing(api: httpx.Client, user_id: str, operation: Operation) -> None:
    task = create(api, user_id)
    headers = {"Content-Type": operation.media_type}

    api.request(operation.method, operation.url(user_id, task["id"]), content=b'{"is_completed": tr', headers=headers)

    assert fetch(api, user_id, task["id"]) == task

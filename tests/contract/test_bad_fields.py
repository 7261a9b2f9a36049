"""JSON that breaks a rule of the schema is a 422 whose `errors` point at what is wrong."""

import json

import httpx
import pytest

from tests.task_fields import REFUSED

from .expectations import assert_unprocessable
from .tasks import CREATE, PATCH, REPLACE, Operation, create, list_all, send, unknown_id

BROKEN_RULES: dict[str, tuple[dict[str, object], str]] = {
    "title empty": ({"title": ""}, "#/title"),
    "title of spaces": ({"title": "   "}, "#/title"),
    "title of tabs": ({"title": "\t\t"}, "#/title"),
    "title of line feeds": ({"title": "\r\n"}, "#/title"),
    "title of no-break spaces": ({"title": "\u00a0"}, "#/title"),
    "title of ideographic spaces": ({"title": "\u3000\u3000"}, "#/title"),
    "title of mixed blanks": ({"title": " \t\n\u00a0\u2003\u3000"}, "#/title"),
    "title of zero-width spaces": ({"title": "\u200b\u200b"}, "#/title"),
    "title of a byte order mark": ({"title": "\ufeff"}, "#/title"),
    "title of joiners": ({"title": "\u2060\u200d\u034f"}, "#/title"),
    "title of soft hyphens": ({"title": "\u00ad"}, "#/title"),
    "title of fillers": ({"title": "\u115f\u1160\u3164\uffa0"}, "#/title"),
    "title of marks of direction": ({"title": "\u202e\u2066\u200f\u061c"}, "#/title"),
    "title of variation selectors": ({"title": "\ufe0f\U000e0100"}, "#/title"),
    "title of tags": ({"title": "\U000e0001\U000e0061"}, "#/title"),
    "title of a Mongolian separator": ({"title": "\u180e"}, "#/title"),
    "title of empty Braille": ({"title": "\u2800"}, "#/title"),
    "title of invisible characters and blanks": ({"title": " \u200b\t\ufe0f\u3000"}, "#/title"),
    "title too long": ({"title": "x" * 256}, "#/title"),
    "title too long, astral": ({"title": "😀" * 256}, "#/title"),
    "title too long, blanks around it": ({"title": " " * 255 + "x"}, "#/title"),
    "title with NUL": ({"title": "buy\x00milk"}, "#/title"),
    "title NUL alone": ({"title": "\x00"}, "#/title"),
    "description too long": ({"title": "x", "description": "x" * 2001}, "#/description"),
    "description too long, astral": ({"title": "x", "description": "😀" * 2001}, "#/description"),
    "description with NUL": ({"title": "x", "description": "two\x00litres"}, "#/description"),
    "an unknown field": ({"title": "x", "priority": "high"}, "#/priority"),
    "an unknown field null": ({"title": "x", "priority": None}, "#/priority"),
    "a field in another case": ({"title": "x", "Description": "y"}, "#/Description"),
    "the id": ({"title": "x", "id": unknown_id()}, "#/id"),
    "the user_id": ({"title": "x", "user_id": unknown_id()}, "#/user_id"),
    "the created_at as a number": ({"title": "x", "created_at": 1764100000}, "#/created_at"),
}
UNPAIRED_SURROGATES = {
    "a high one": "\\ud800",
    "a low one": "\\udc00",
    "a reversed pair": "\\udc00\\ud800",
    "two high ones": "\\ud83d\\ud83d",
    "a high one before a letter": "\\ud83dx",
    "a high one before an escape": "\\ud83d\\u0041",
    "a pair and a low one": "\\ud83d\\ude00\\ude00",
}


@pytest.mark.parametrize(("fields", "pointer"), BROKEN_RULES.values(), ids=BROKEN_RULES.keys())
@pytest.mark.parametrize("operation", [CREATE, REPLACE, PATCH], ids=str)
def test_a_broken_rule_is_422(
    api: httpx.Client, user_id: str, operation: Operation, fields: dict[str, object], pointer: str
) -> None:
    response = send(api, operation, user_id, json.dumps(fields).encode())

    assert assert_unprocessable(response) == [pointer]


@pytest.mark.parametrize(("member", "value"), REFUSED)
@pytest.mark.parametrize("operation", [CREATE, REPLACE, PATCH], ids=str)
def test_a_value_of_another_type_is_422(
    api: httpx.Client, user_id: str, operation: Operation, member: str, value: object
) -> None:
    response = send(api, operation, user_id, json.dumps({"title": "x", member: value}).encode())

    assert assert_unprocessable(response) == [f"#/{member}"]


# Whether the pointer to an absent member names the member or its parent, RFC 9457 leaves open.
@pytest.mark.parametrize("fields", [{}, {"description": "two litres"}, {"is_completed": True}], ids=str)
@pytest.mark.parametrize("operation", [CREATE, REPLACE], ids=str)
def test_a_missing_title_is_422(
    api: httpx.Client, user_id: str, operation: Operation, fields: dict[str, object]
) -> None:
    response = send(api, operation, user_id, json.dumps(fields).encode())

    assert len(assert_unprocessable(response)) == 1


# A strict parser meets the surrogate before it knows the field, so the pointer may be that of the document.
@pytest.mark.parametrize("text", UNPAIRED_SURROGATES.values(), ids=UNPAIRED_SURROGATES.keys())
@pytest.mark.parametrize("body", ['{"title": "%s"}', '{"title": "x", "description": "a%sb"}'], ids=["title", "text"])
@pytest.mark.parametrize("operation", [CREATE, REPLACE, PATCH], ids=str)
def test_an_unpaired_surrogate_is_422(
    api: httpx.Client, user_id: str, operation: Operation, body: str, text: str
) -> None:
    response = send(api, operation, user_id, (body % text).encode())

    assert_unprocessable(response)


@pytest.mark.parametrize("name", ["", " ", "a/b", "~", "é", "\x00", "__proto__", "title "], ids=repr)
@pytest.mark.parametrize("operation", [CREATE, REPLACE, PATCH], ids=str)
def test_an_unknown_field_of_any_name_is_422(api: httpx.Client, user_id: str, operation: Operation, name: str) -> None:
    response = send(api, operation, user_id, json.dumps({"title": "x", name: "y"}).encode())

    assert_unprocessable(response)


def test_what_a_get_answered_is_no_new_task(api: httpx.Client, user_id: str) -> None:
    task = create(api, user_id)

    response = api.post(CREATE.url(user_id, ""), json=task)

    assert sorted(assert_unprocessable(response)) == ["#/created_at", "#/id", "#/user_id"]


def test_a_broken_rule_creates_nothing(api: httpx.Client, user_id: str) -> None:
    send(api, CREATE, user_id, b'{"title": "buy milk", "priority": 1}')

    assert list_all(api, user_id) == []

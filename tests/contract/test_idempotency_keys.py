"""How an Idempotency-Key may be spelled: a string of RFC 8941, or the same characters bare; 1 to 255, all visible."""

import httpx
import pytest

from .expectations import assert_problem
from .raw_http import connect, read_answer
from .tasks import COMPLETE, CREATE, DELETE, LIST, REPLACE, Operation, call, create, fetch, list_all

WRITES = (CREATE, REPLACE, COMPLETE, DELETE)
BAD_VALUES = {
    "nothing": b"",
    "blanks": b"   ",
    "an empty string": b'""',
    "256 characters": b"x" * 256,
    "256 characters in quotes": b'"' + b"x" * 256 + b'"',
    "256 escaped characters": b'"' + b'\\"' * 256 + b'"',
    "a space": b"a b",
    "a space in quotes": b'"a b"',
    "a tab": b"a\tb",
    "a control character": b'"a\x01b"',
    "DEL": b'"a\x7fb"',
    "Latin-1": b'"caf\xe9"',
    "UTF-8": b'"caf\xc3\xa9"',
    "UTF-8, bare": b"caf\xc3\xa9",
    "no closing quote": b'"abc',
    "no opening quote": b'abc"',
    "a lone quote": b'"',
    "an escaped closing quote": b'"abc\\"',
    "a quote inside": b'"a"b"',
    "a bare quote inside": b'a"b',
    "an unknown escape": b'"a\\bc"',
    "a list of strings": b'"abc", "abd"',
    "a list of words": b"abc, abd",
    "a parameter": b'"abc";v=1',
}


def ask(gateway_url: str, operation: Operation, url: str, *header_lines: bytes) -> httpx.Response:
    """The answer to the operation with a title as its body, and these lines in its head as they are."""
    lines = [
        f"{operation.method} {url} HTTP/1.1".encode(),
        b"Host: gateway",
        b"Content-Type: application/json",
        b"Content-Length: 14",
        b"Connection: close",
        *header_lines,
    ]
    with connect(gateway_url) as connection:
        connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + b'{"title": "x"}')
        return read_answer(connection)


@pytest.mark.parametrize("value", BAD_VALUES.values(), ids=BAD_VALUES.keys())
def test_what_is_no_key_is_400_and_nothing_is_done(
    api: httpx.Client, gateway_url: str, user_id: str, value: bytes
) -> None:
    response = ask(gateway_url, CREATE, CREATE.url(user_id, ""), b"Idempotency-Key: " + value)

    assert_problem(response, 400)
    assert list_all(api, user_id) == []


@pytest.mark.parametrize("second", [b"Idempotency-Key: abc", b"idempotency-key: abd", b"Idempotency-Key:"])
def test_a_key_that_is_sent_twice_is_400_and_nothing_is_done(
    api: httpx.Client, gateway_url: str, user_id: str, second: bytes
) -> None:
    response = ask(gateway_url, CREATE, CREATE.url(user_id, ""), b"Idempotency-Key: abc", second)

    assert assert_problem(response, 400)["type"] == "urn:taskwire:problem:invalid-idempotency-key"
    assert list_all(api, user_id) == []


@pytest.mark.parametrize("operation", WRITES, ids=str)
def test_every_write_refuses_a_bad_key(api: httpx.Client, user_id: str, operation: Operation) -> None:
    task = create(api, user_id)

    headers = operation.headers | {"Idempotency-Key": '"'}

    response = api.request(operation.method, operation.url(user_id, task["id"]), json=operation.fields, headers=headers)

    assert assert_problem(response, 400)["type"] == "urn:taskwire:problem:invalid-idempotency-key"
    assert fetch(api, user_id, task["id"]) == task
    assert len(list_all(api, user_id)) == 1


@pytest.mark.parametrize("value", ["x" * 255, '"' + "x" * 255 + '"', '"' + '\\"' * 255 + '"', "!", '"~"', "a;b=1,c"])
def test_a_key_may_have_255_visible_characters(api: httpx.Client, user_id: str, value: str) -> None:
    answers = [api.post(CREATE.url(user_id, ""), json=CREATE.fields, headers={"Idempotency-Key": value}) for _ in "12"]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert len(list_all(api, user_id)) == 1


@pytest.mark.parametrize(("one", "other"), [('"abc"', "abc"), ("abc", '"abc"'), ('"a\\\\b"', "a\\b")])
def test_quotes_and_escapes_are_no_part_of_the_key(api: httpx.Client, user_id: str, one: str, other: str) -> None:
    url = CREATE.url(user_id, "")

    answers = [api.post(url, json=CREATE.fields, headers={"Idempotency-Key": key}) for key in (one, other)]

    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["idempotency-replayed"] == "true"


def test_case_is_a_part_of_the_key(api: httpx.Client, user_id: str) -> None:
    url = CREATE.url(user_id, "")

    answers = [api.post(url, json=CREATE.fields, headers={"Idempotency-Key": key}) for key in ("abc", "ABC")]

    assert answers[0].json()["id"] != answers[1].json()["id"]


def test_a_read_ignores_a_key(api: httpx.Client, user_id: str) -> None:
    before = call(api, LIST, user_id, "")
    create(api, user_id)

    after = [api.get(LIST.url(user_id, ""), headers={"Idempotency-Key": key}) for key in ("abc", "abc", '"')]

    assert [answer.status_code for answer in after] == [200] * 3
    assert {len(answer.json()) for answer in after} == {1}
    assert not any("idempotency-replayed" in answer.headers for answer in [before, *after])

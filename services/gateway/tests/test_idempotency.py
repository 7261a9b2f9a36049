"""A key is read as the contract says, always stands for the same command, and its answer says when it is replayed."""

from uuid import RFC_4122, UUID

import pytest
from common.contracts.commands import AnyCommand
from common.contracts.outcomes import Outcome
from common.http.problems import Problem
from gateway.idempotency import KEY_HEADER, derive_command_id, read_key
from starlette.datastructures import Headers

from tests.serving import Served

from .in_process import COMPLETE, JSON, TASK, TASKS, answered_gateway

USER, OTHER_USER = UUID(TASKS.split("/")[2]), UUID("4d0c2a9b-8e37-4b16-a1f5-92c6e07d3b58")
BODY = b'{"title": "Buy milk"}'
STORED = '{"id":"0192f0c1-7c5e-4d5a-9d2b-1f6a3c9b7e01","title":"Buy milk"}'
WRITES = [
    pytest.param("POST", TASKS, BODY, id="create"),
    pytest.param("PUT", TASK, BODY, id="replace"),
    pytest.param("PATCH", COMPLETE, None, id="toggle"),
    pytest.param("DELETE", TASK, None, id="delete"),
]
OF_EACH_WRITE = pytest.mark.parametrize(("method", "path", "body"), WRITES)


def with_keys(*values: bytes) -> list[str] | None:
    """The values of the header, one line each, as an endpoint gets them."""
    headers = Headers(raw=[(b"idempotency-key", value) for value in values])
    return headers.getlist(KEY_HEADER) or None


def test_a_request_may_have_no_key() -> None:
    assert read_key(with_keys()) is None


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (b"abc", "abc"),
        (b'"abc"', "abc"),
        (b' \t"abc" ', "abc"),
        (b"  abc\t", "abc"),
        (b'"a\\"b\\\\c"', 'a"b\\c'),
        (b"a\\b", "a\\b"),
        (b'"a\\\\b"', "a\\b"),
        (b"!#$%&'()*+,-./:;<=>?@[]^_`{|}~", "!#$%&'()*+,-./:;<=>?@[]^_`{|}~"),
        (b'"!#$%&\'()*+,-./:;<=>?@[]^_`{|}~"', "!#$%&'()*+,-./:;<=>?@[]^_`{|}~"),
        (b"x" * 255, "x" * 255),
        (b'"' + b"x" * 255 + b'"', "x" * 255),
        (b'"' + b'\\"' * 255 + b'"', '"' * 255),
    ],
)
def test_a_key_is_read_without_quotes_and_escapes(value: bytes, key: str) -> None:
    assert read_key(with_keys(value)) == key


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b" \t ",
        b'""',
        b'"',
        b'"abc',
        b'abc"',
        b'a"c',
        b'""abc""',
        b'"a"c"',
        b'"abc\\"',
        b'"a\\bc"',
        b'"abc";a=1',
        b'"abc", "abd"',
        b"abc, abd",
        b"a c",
        b'"a c"',
        b'" "',
        b"a\tc",
        b'"a\x01c"',
        b"a\x7fc",
        b"caf\xe9",
        "caf\u00e9".encode(),
        b'"caf\xe9"',
        b"x" * 256,
        b'"' + b"x" * 256 + b'"',
        b'"' + b"\\\\" * 256 + b'"',
    ],
)
def test_what_is_no_key_is_a_problem(value: bytes) -> None:
    with pytest.raises(Problem) as caught:
        read_key(with_keys(value))

    assert (caught.value.kind.slug, caught.value.kind.status) == ("invalid-idempotency-key", 400)


@pytest.mark.parametrize("second", [b"abc", b"abd", b""])
def test_a_key_that_is_there_twice_is_a_problem(second: bytes) -> None:
    with pytest.raises(Problem) as caught:
        read_key(with_keys(b"abc", second))

    assert caught.value.kind.status == 400


# While gateways of two releases run side by side, one request may come to both.
def test_the_id_of_a_key_is_frozen() -> None:
    assert derive_command_id(USER, "abc") == UUID("e537bc02-e790-8ae6-9cac-b7df2250b8e5")


@pytest.mark.parametrize("key", [f"key {number}" for number in range(32)])
def test_the_id_of_a_key_is_a_uuid_of_version_8(key: str) -> None:
    command_id = derive_command_id(USER, key)

    assert (command_id.version, command_id.variant) == (8, RFC_4122)


def test_every_user_and_every_key_has_an_id_of_its_own() -> None:
    ids = {derive_command_id(user, key) for user in (USER, OTHER_USER) for key in ("a", "b", "A", "aa", 'a"')}

    assert len(ids) == 10


async def commands_of(method: str, path: str, body: bytes | None, *keys: str | None) -> list[AnyCommand]:
    """The commands that the request makes, sent once with each of the keys; None is no key."""
    async with answered_gateway(Outcome(status="done", task=STORED)) as (gateway, commands):
        for key in keys:
            headers = JSON if key is None else JSON | {"Idempotency-Key": key}
            await gateway.ask(method, path, body=body, headers=headers)
    return commands


@OF_EACH_WRITE
async def test_requests_with_one_key_are_commands_with_one_id(method: str, path: str, body: bytes | None) -> None:
    commands = await commands_of(method, path, body, "abc", '"abc"', "abd")

    assert [command.command_id for command in commands] == [
        derive_command_id(USER, "abc"),
        derive_command_id(USER, "abc"),
        derive_command_id(USER, "abd"),
    ]


@OF_EACH_WRITE
async def test_a_command_says_whether_its_request_had_a_key(method: str, path: str, body: bytes | None) -> None:
    commands = await commands_of(method, path, body, "abc", None)

    assert [command.keyed for command in commands] == [True, False]


# Once a key is forgotten, a new request with it makes another task: the first one may still be there.
async def test_creations_with_one_key_do_not_choose_the_same_task() -> None:
    first, second = await commands_of("POST", TASKS, BODY, "abc", "abc")

    assert first.task_id != second.task_id


@OF_EACH_WRITE
async def test_a_bad_key_reaches_no_bus(method: str, path: str, body: bytes | None) -> None:
    async with answered_gateway(Outcome(status="done", task=STORED)) as (gateway, commands):
        answer = await gateway.ask(method, path, body=body, headers=JSON | {"Idempotency-Key": '"abc'})

    assert (answer.status, answer.headers["content-type"], commands) == (400, "application/problem+json", [])


@pytest.mark.parametrize("status", ["done", "not_found"])
@OF_EACH_WRITE
async def test_an_answer_says_whether_it_is_replayed(method: str, path: str, body: bytes | None, status: str) -> None:
    answers = []
    for replayed in (False, True):
        outcome = Outcome.model_validate({"status": status, "task": STORED, "replayed": replayed})
        async with answered_gateway(outcome) as (gateway, _):
            answers.append(await gateway.ask(method, path, body=body, headers=JSON))

    first, second = answers
    assert (first.status, first.body) == (second.status, second.body)
    assert (first.headers.get("idempotency-replayed"), second.headers["idempotency-replayed"]) == (None, "true")


async def test_a_replayed_creation_says_where_the_first_one_put_the_task() -> None:
    async with answered_gateway(Outcome(status="done", task=STORED, replayed=True)) as (gateway, _):
        answer = await gateway.ask("POST", TASKS, body=BODY, headers=JSON | {"Idempotency-Key": "abc"})

    assert answer.headers["location"] == f"{TASKS}/0192f0c1-7c5e-4d5a-9d2b-1f6a3c9b7e01"


async def test_a_read_does_not_look_at_the_key(gateway: Served) -> None:
    answer = await gateway.ask("GET", TASK, headers={"Idempotency-Key": '"'})

    assert answer.status == 503  # there is no task-reader

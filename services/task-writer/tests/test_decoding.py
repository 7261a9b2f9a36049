"""The readable commands of a message are read, and the others get a reason."""

import json
from typing import Any
from uuid import uuid4

import pytest
from common.contracts.commands import CreateTask
from task_writer.decoding import Unreadable, UnreadableBatch, read_batch

SECRET = "a-text-of-a-user"  # noqa: S105 - stands for what nobody else may read


def reason(body: bytes) -> str:
    """Why the body cannot be read as a batch of one command."""
    try:
        (one,) = read_batch(body)
    except UnreadableBatch as error:
        return str(error)
    assert isinstance(one, Unreadable)
    assert one.body == body  # as it came, to the byte
    return one.reason


def batch(**fields: Any) -> bytes:
    """A batch of one command, which is sound but for `fields`; a field that is `...` is left out."""
    ids = {name: str(uuid4()) for name in ("command_id", "user_id", "task_id")}
    command = {"type": "create_task", "deadline_unix_ms": 1, "title": "Buy milk"} | ids | fields
    return json.dumps({"commands": [{name: value for name, value in command.items() if value is not ...}]}).encode()


@pytest.mark.parametrize(
    "body",
    [
        SECRET.encode(),
        f'"{SECRET}"'.encode(),
        json.dumps({"commands": SECRET}).encode(),
        json.dumps({"commands": [SECRET]}).encode(),
        json.dumps({"commands": [], SECRET: SECRET}).encode(),
        batch(type=SECRET),
        batch(command_id=SECRET),
        batch(user_id=SECRET),
        batch(deadline_unix_ms=SECRET),
        batch(title=SECRET * 100),
        batch(title=f"{SECRET}\0"),
        batch(description=[SECRET]),
        batch(is_completed=SECRET),
        batch(**{SECRET: SECRET, "title": 1}),
    ],
    ids=lambda body: repr(body[:60]),
)
def test_a_reason_never_contains_what_was_sent(body: bytes) -> None:
    assert SECRET not in reason(body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", "malformed: : json_invalid"),
        (b"{}", "malformed: commands: missing"),
        (b'{"commands": []}', "malformed: commands: too_short"),
        (batch(type="rename_task"), "malformed: commands.0: union_tag_invalid"),
        (batch(deadline_unix_ms=10**400), "malformed: commands.0.create_task.deadline_unix_ms: less_than_equal"),
        (batch(deadline_unix_ms=-1), "malformed: commands.0.create_task.deadline_unix_ms: greater_than_equal"),
        (batch(title=...), "malformed: commands.0.create_task.title: missing"),
        (
            batch(title="", user_id="me"),
            "malformed: commands.0.create_task.user_id: uuid_parsing; commands.0.create_task.title: string_too_short",
        ),
    ],
)
def test_a_reason_names_every_faulty_field_and_its_fault(body: bytes, expected: str) -> None:
    assert reason(body) == expected


STRANGE: list[Any] = [
    {"type": "rename_task", "title": "é"},
    {"type": "create_task", "deadline_unix_ms": 10**400},
    {},
    [],
    None,
    "toggle_task",
    1.5,
]


@pytest.mark.parametrize("strange", STRANGE, ids=repr)
def test_a_command_that_cannot_be_read_leaves_its_neighbours_readable(strange: Any) -> None:
    (first,), (last,) = (json.loads(batch(title=title))["commands"] for title in ("first", "last"))

    read = read_batch(json.dumps({"commands": [first, strange, last]}).encode())

    assert [one.title if isinstance(one, CreateTask) else one for one in read] == ["first", read[1], "last"]
    assert isinstance(read[1], Unreadable)
    assert json.loads(read[1].body) == {"commands": [strange]}
    assert read[1].reason.startswith("malformed: commands.0")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"1", b"null", b'{"commands": {}}', b'{"commands": []}', b'{"commands": [{}', b"[" * 100_000]
)
def test_what_is_no_batch_at_all_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(UnreadableBatch, match="malformed: "):
        read_batch(body)


def test_a_number_of_thousands_of_digits_breaks_nothing() -> None:
    digits = b"9" * 5_000
    body = b'{"commands": [{"deadline_unix_ms": ' + digits + b"}, {}]}"

    with pytest.raises(UnreadableBatch, match="malformed: "):
        read_batch(body)

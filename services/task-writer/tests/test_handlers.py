"""What is said of a message that cannot be read."""

import json
from typing import Any
from uuid import uuid4

import pytest
from common.contracts import CommandBatch
from pydantic import ValidationError
from task_writer.handlers import _why_malformed

SECRET = "a-text-of-a-user"  # noqa: S105 - stands for what nobody else may read


def reason(body: bytes) -> str:
    """Why the body cannot be read as a batch."""
    with pytest.raises(ValidationError) as caught:
        CommandBatch.model_validate_json(body)
    return _why_malformed(caught.value)


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
    ("body", "told"),
    [
        (b"{", "malformed: : json_invalid"),
        (b"{}", "malformed: commands: missing"),
        (b'{"commands": []}', "malformed: commands: too_short"),
        (batch(type="rename_task"), "malformed: commands.0: union_tag_invalid"),
        (batch(title=...), "malformed: commands.0.create_task.title: missing"),
        (
            batch(title="", user_id="me"),
            "malformed: commands.0.create_task.user_id: uuid_parsing; commands.0.create_task.title: string_too_short",
        ),
    ],
)
def test_a_reason_names_every_faulty_field_and_its_fault(body: bytes, told: str) -> None:
    assert reason(body) == told

"""What distinguishes lists of commands under one key. That of single commands is tested where it is recorded."""

from typing import Any
from uuid import UUID

import pytest
from common.contracts.commands import AnyCommand, CreateTask, DeleteTask, KeyedList, PatchTask, ToggleTask
from common.contracts.fingerprints import fingerprint, list_fingerprint

A, B = UUID("7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11"), UUID("0d4f2c1a-9f6e-4a53-8c0b-5a2f2b7f3d10")
ENVELOPE: dict[str, Any] = {"command_id": A, "user_id": A, "deadline_unix_ms": 1, "task_id": A}
COMMANDS: list[AnyCommand] = [
    CreateTask(**ENVELOPE, title="Buy milk"),
    PatchTask(**ENVELOPE, changes={"title": "Buy bread"}),
    ToggleTask(**ENVELOPE),
    DeleteTask(**ENVELOPE),
]
CREATE, PATCH, TOGGLE, DELETE = COMMANDS


# Gateways of all releases must agree about it, or a request that is sent again is refused.
def test_the_fingerprint_of_a_list_is_frozen() -> None:
    assert list_fingerprint(COMMANDS) == "31fc745342621232819bcac79d1f311a"


@pytest.mark.parametrize(
    "other",
    [
        COMMANDS[:-1],
        COMMANDS[1:],
        COMMANDS[::-1],
        [*COMMANDS, DELETE],
        [CREATE, PATCH, TOGGLE.model_copy(update={"is_completed": True}), DELETE],
        [CREATE, PATCH, TOGGLE, DELETE.model_copy(update={"task_id": B})],
    ],
    ids=["shorter", "without the first", "another order", "longer", "another field", "another task"],
)
def test_another_list_has_another_fingerprint(other: list[AnyCommand]) -> None:
    assert list_fingerprint(other) != list_fingerprint(COMMANDS)


def test_ids_and_deadlines_of_a_repeat_are_no_part_of_it() -> None:
    again = [one.model_copy(update={"command_id": B, "deadline_unix_ms": 2, "request_id": "b"}) for one in COMMANDS]
    again[0] = again[0].model_copy(update={"task_id": B})

    assert list_fingerprint(again) == list_fingerprint(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.type)
def test_a_list_of_one_is_not_the_command_alone(command: AnyCommand) -> None:
    assert list_fingerprint([command]) != fingerprint(command).hex()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.type)
def test_a_command_of_a_list_has_the_fingerprint_of_the_list(command: AnyCommand) -> None:
    of_list = KeyedList(first=A, fingerprint=list_fingerprint(COMMANDS))

    assert fingerprint(command.model_copy(update={"keyed_list": of_list})).hex() == of_list.fingerprint

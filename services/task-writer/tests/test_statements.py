"""The values that the database gets for a command, and its fingerprint."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from common.contracts.commands import (
    AnyCommand,
    CreateTask,
    DeleteTask,
    PatchTask,
    Precondition,
    ReplaceTask,
    ToggleTask,
)
from common.contracts.fingerprints import fingerprint
from task_writer.statements import lock_number, parameters

from tests.task_fields import DEFAULTS

A, B = UUID("7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11"), UUID("0d4f2c1a-9f6e-4a53-8c0b-5a2f2b7f3d10")
ENVELOPE: dict[str, Any] = {"command_id": A, "user_id": A, "deadline_unix_ms": 1, "task_id": A}
TEXT: dict[str, Any] = DEFAULTS | {"title": "Buy milk", "description": "two litres"}
COMMANDS: list[AnyCommand] = [
    CreateTask(**ENVELOPE, **TEXT),
    ReplaceTask(**ENVELOPE, **TEXT),
    PatchTask(**ENVELOPE, changes={"title": "Buy milk", "description": None}),
    DeleteTask(**ENVELOPE),
    ToggleTask(**ENVELOPE, is_completed=None),
]
CHANGES: dict[str, Any] = {
    "user_id": B,
    "task_id": B,
    "title": "Buy Milk",
    "description": None,
    "is_completed": True,
    "changes": {"title": "Buy milk"},
}


def name_of(command: AnyCommand) -> str:
    return command.type


def given_to_the_database(commands: Sequence[AnyCommand]) -> list[dict[str, Any]]:
    given: list[dict[str, Any]] = json.loads(parameters(commands, batch=A, look_up=False)["commands"])
    return given


@pytest.mark.parametrize("keyed", [False, True])
def test_the_database_is_given_every_command_in_its_place(keyed: bool) -> None:
    more = {"keyed": keyed, "request_id": "a", "traceparent": "b"}
    given = given_to_the_database([command.model_copy(update=more) for command in COMMANDS])

    ids = dict.fromkeys(("command_id", "user_id", "task_id"), str(A)) | ({"keyed": True} if keyed else {})
    patched = {"changes": {"title": "Buy milk", "description": None}}
    asked_for: list[dict[str, Any]] = [TEXT, TEXT, patched, {}, {"is_completed": None}]
    assert [{name: one[name] for name in one if name != "fingerprint"} for one in given] == [
        ids | {"type": command.type, "deadline_unix_ms": 1} | fields
        for command, fields in zip(COMMANDS, asked_for, strict=True)
    ]


def test_only_a_command_with_a_key_has_a_fingerprint() -> None:
    keyed = [command.model_copy(update={"keyed": True}) for command in COMMANDS]

    given = given_to_the_database([*keyed, *COMMANDS])

    prints = [rf"\x{fingerprint(command).hex()}" for command in COMMANDS]
    assert [one["fingerprint"] for one in given] == [*prints, *("" for _ in COMMANDS)]


def test_the_database_is_given_texts_as_they_are() -> None:
    title = "'\"\\ %s 🦆\n"

    given = parameters([COMMANDS[0].model_copy(update={"title": title})], batch=A, look_up=False)["commands"]

    assert json.loads(given)[0]["title"] == title
    assert "🦆" in given


def test_a_batch_without_keys_locks_its_own_number_alone() -> None:
    given = parameters(COMMANDS, batch=A, look_up=True)

    assert (given["batch"], given["keys"], given["look_up"]) == (lock_number(A), None, True)


def test_keys_are_locked_each_once_and_in_one_order_for_all_batches() -> None:
    with_keys = [one.model_copy(update={"command_id": name, "keyed": True}) for one in COMMANDS for name in (A, B)]

    given = parameters([*with_keys, *COMMANDS], batch=A, look_up=False)

    in_order = sorted({lock_number(A), lock_number(B)})
    assert given["keys"] == f"{{{in_order[0]},{in_order[1]}}}"


@pytest.mark.parametrize("name", [UUID(int=0), UUID(int=2**128 - 1), UUID(int=2**63), A, B])
def test_every_id_has_the_number_of_a_lock(name: UUID) -> None:
    assert -(2**63) <= lock_number(name) < 2**63


@pytest.mark.parametrize(
    ("command", "field"),
    [
        pytest.param(command, field, id=f"{command.type}-{field}")
        for command in COMMANDS
        for field in CHANGES
        if field in type(command).model_fields and (command.type, field) != ("create_task", "task_id")
    ],
)
def test_the_fingerprint_differs_when_a_requested_field_differs(command: AnyCommand, field: str) -> None:
    changed = command.model_copy(update={field: CHANGES[field]})

    assert fingerprint(changed) != fingerprint(command)


# It is the gateway's choice, another one each time that a client sends its request.
def test_the_id_of_a_new_task_is_no_part_of_the_fingerprint() -> None:
    create, *_ = COMMANDS

    assert fingerprint(create.model_copy(update={"task_id": B})) == fingerprint(create)


# They are compared with those that the release before has recorded: when one of them changes, every key that is sent
# again after an update of the task-writer is refused.
def test_the_fingerprints_are_frozen() -> None:
    assert {command.type: fingerprint(command).hex() for command in COMMANDS} == {
        "create_task": "41d82a17bd16202359a7f9a1b6bceb90",
        "replace_task": "b87907d1ee530e37cf79800ed1c4b715",
        "patch_task": "2123662a2ce5b3d6d5e1152f86c545db",
        "delete_task": "2dbc0969b0a4342bf09645756e2216ce",
        "toggle_task": "3c6d77101fe08f60de9c05992c62e8a0",
    }


@pytest.mark.parametrize("command", COMMANDS, ids=name_of)
def test_a_precondition_is_a_part_of_the_fingerprint(command: AnyCommand) -> None:
    preconditions = [None, *({name: given} for name in ("if_match", "if_none_match") for given in ([], [1], [1, 2]))]

    prints = {
        fingerprint(type(command).model_validate(command.model_dump() | {"precondition": one})) for one in preconditions
    }

    assert len(prints) == len(preconditions)


@pytest.mark.parametrize("command", COMMANDS, ids=name_of)
def test_the_database_is_given_a_precondition_without_what_it_does_not_say(command: AnyCommand) -> None:
    conditional = command.model_copy(update={"precondition": Precondition(if_match=[7])})

    given = json.loads(parameters([conditional], batch=A, look_up=False)["commands"])

    assert given[0]["precondition"] == {"if_match": [7]}


@pytest.mark.parametrize("command", COMMANDS, ids=name_of)
def test_a_key_is_no_part_of_the_fingerprint(command: AnyCommand) -> None:
    assert fingerprint(command.model_copy(update={"keyed": True})) == fingerprint(command)


def test_a_field_of_a_later_release_at_its_default_leaves_the_fingerprint_as_it_is() -> None:
    class LaterCreateTask(CreateTask):
        of_a_later_release: str | None = None

    later, now = LaterCreateTask(**ENVELOPE, **TEXT), CreateTask(**ENVELOPE, **TEXT)

    assert fingerprint(later) == fingerprint(now)


def test_the_fingerprint_differs_between_commands_with_the_same_fields() -> None:
    of_type = {command.type: fingerprint(command) for command in COMMANDS}

    assert of_type["create_task"] != of_type["replace_task"]
    assert of_type["delete_task"] != of_type["toggle_task"]
    assert len(set(of_type.values())) == len(COMMANDS)


def test_flipping_and_setting_have_different_fingerprints() -> None:
    commands = [ToggleTask(**ENVELOPE, is_completed=wanted) for wanted in (None, True, False)]

    assert len({fingerprint(command) for command in commands}) == 3


@pytest.mark.parametrize("command", COMMANDS, ids=name_of)
def test_a_repeat_with_another_deadline_has_the_same_fingerprint(command: AnyCommand) -> None:
    repeat = command.model_copy(update={"deadline_unix_ms": 2})

    assert fingerprint(repeat) == fingerprint(command)


@pytest.mark.parametrize("command", COMMANDS, ids=name_of)
def test_the_same_request_under_another_command_id_has_the_same_fingerprint(command: AnyCommand) -> None:
    again = command.model_copy(update={"command_id": B})

    assert fingerprint(again) == fingerprint(command)


def test_a_field_left_out_has_the_fingerprint_of_its_default() -> None:
    implied = CreateTask(**ENVELOPE, title="Buy milk")
    explicit = CreateTask(**ENVELOPE, title="Buy milk", description=None, is_completed=False)

    assert fingerprint(implied) == fingerprint(explicit)


@pytest.mark.parametrize("command", COMMANDS, ids=name_of)
def test_a_fingerprint_has_16_bytes(command: AnyCommand) -> None:
    assert len(fingerprint(command)) == 16

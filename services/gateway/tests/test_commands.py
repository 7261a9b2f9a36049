"""The commands that are sent are those of the contract."""

import json
from typing import get_args
from uuid import UUID

import pytest
from common.contracts.commands import (
    AnyCommand,
    Command,
    CommandBatch,
    CreateTask,
    DeleteTask,
    KeyedList,
    PatchTask,
    Precondition,
    ReplaceTask,
    ToggleTask,
)
from gateway import commands

USER, TASK = "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11", "b0f2e817-358d-4049-a335-6464f1071bec"
ENVELOPE = commands.Envelope(command_id=TASK, user_id=USER, deadline_unix_ms=1, request_id='say "hi"\\')
OF_A_KEY = commands.Envelope(
    **ENVELOPE, traceparent="00-1-2-01", keyed=True, precondition=Precondition(if_match=[2**63 - 1])
)
OF_A_LIST = commands.Envelope(**OF_A_KEY, keyed_list=KeyedList(first=UUID(TASK), fingerprint="0" * 32))
SENT: list[commands.AnyCommand] = [
    commands.CreateTask(**ENVELOPE, type="create_task", task_id=TASK, title="a", description=None, is_completed=False),
    commands.ReplaceTask(
        **OF_A_KEY, type="replace_task", task_id=TASK, title='\n"', description="b", is_completed=True
    ),
    commands.PatchTask(**ENVELOPE, type="patch_task", task_id=TASK, changes={"description": None}),
    commands.DeleteTask(**OF_A_LIST, type="delete_task", task_id=TASK),
    commands.ToggleTask(**ENVELOPE, type="toggle_task", task_id=TASK, is_completed=None),
]
MODELS: list[type[Command]] = [CreateTask, ReplaceTask, PatchTask, DeleteTask, ToggleTask]


def test_there_is_one_of_each_type() -> None:
    assert {*MODELS} == {*get_args(AnyCommand.__value__)}


@pytest.mark.parametrize(("sent", "model"), [*zip(SENT, MODELS, strict=True)], ids=[one["type"] for one in SENT])
def test_what_is_sent_is_what_the_contract_has(sent: commands.AnyCommand, model: type[Command]) -> None:
    message = commands.encode_commands([sent])

    (received,) = CommandBatch.model_validate_json(message).commands
    assert received == model.model_validate(sent)
    assert json.loads(message) == CommandBatch(commands=[received]).model_dump(mode="json")


def test_the_fields_are_those_of_the_contract() -> None:
    plain = get_args(commands.AnyCommand.__value__)

    assert [{*one.__annotations__} for one in plain] == [{*model.model_fields} for model in MODELS]

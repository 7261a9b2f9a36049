"""Messages between releases: today's code and release 1 read each other, whichever of the services is older."""

import json
from typing import Any, cast
from uuid import UUID

import pytest
from common import contracts, framing
from pydantic import BaseModel

from . import release_1

KINDS: dict[str, tuple[type[BaseModel], type[BaseModel], dict[str, str]]] = {
    "commands": (contracts.CommandBatch, release_1.CommandBatch, release_1.COMMANDS),
    "outcomes": (contracts.OutcomeBatch, release_1.OutcomeBatch, release_1.OUTCOMES),
    "reads": (contracts.ReadBatch, release_1.ReadBatch, release_1.READS),
}
OF_EACH_MESSAGE = pytest.mark.parametrize(
    ("today", "before", "text"),
    [
        pytest.param(today, before, text, id=f"{kind}: {name}")
        for kind, (today, before, texts) in KINDS.items()
        for name, text in texts.items()
    ],
)
OF_EACH_KIND = pytest.mark.parametrize(("today", "before"), [kind[:2] for kind in KINDS.values()], ids=KINDS)
UNKNOWN: dict[str, Any] = {"later": {"deep": [1, None]}, "Type": "x", "status_": None, "": 0}
"""Fields that no release has; a later one may have any."""


def with_unknown_fields(value: Any) -> Any:
    """The JSON value with unknown fields in every object of it, at every level, known fields last."""
    if isinstance(value, list):
        return [with_unknown_fields(item) for item in value]
    if isinstance(value, dict):
        return {**UNKNOWN, **{name: with_unknown_fields(item) for name, item in value.items()}}
    return value


def common_part(read: Any, known: Any) -> Any:
    """What `read` says in the fields that `known` has, at every level."""
    if isinstance(known, list):
        return [common_part(one, other) for one, other in zip(read, known, strict=True)]
    if isinstance(known, dict):
        return {name: common_part(read[name], value) for name, value in known.items()}
    return read


def spell(message: BaseModel) -> str:
    """The message as it is put on the wire: the writer leaves out of outcomes what is at its default."""
    return message.model_dump_json(exclude_defaults=isinstance(message, contracts.OutcomeBatch))


@OF_EACH_MESSAGE
def test_what_release_1_wrote_is_read_with_the_same_values(
    today: type[BaseModel], before: type[BaseModel], text: str
) -> None:
    meant = before.model_validate_json(text).model_dump()

    read = today.model_validate_json(text).model_dump()

    assert common_part(read, meant) == meant


@OF_EACH_MESSAGE
def test_what_release_1_wrote_is_written_the_same_today(
    today: type[BaseModel], before: type[BaseModel], text: str
) -> None:
    del before  # it wrote the text

    assert spell(today.model_validate_json(text)) == text


@OF_EACH_MESSAGE
def test_unknown_fields_at_every_level_change_nothing(
    today: type[BaseModel], before: type[BaseModel], text: str
) -> None:
    later = json.dumps(with_unknown_fields(json.loads(text)))

    assert today.model_validate_json(later) == today.model_validate_json(text)
    assert before.model_validate_json(later) == before.model_validate_json(text)


@OF_EACH_KIND
def test_no_field_of_release_1_was_renamed_retyped_or_restricted(
    today: type[BaseModel], before: type[BaseModel]
) -> None:
    now, then = definitions(today), definitions(before)

    assert set(now) >= set(then)
    for name, model in then.items():
        kept = {field: now[name]["properties"].get(field) for field in model["properties"]}
        assert without_values(kept) == without_values(model["properties"]), name
        assert set(values(kept)) >= set(values(model["properties"])), name


@OF_EACH_KIND
def test_nothing_has_become_mandatory_or_optional(today: type[BaseModel], before: type[BaseModel]) -> None:
    now, then = definitions(today), definitions(before)

    assert {name: now[name].get("required") for name in then} == {
        name: one.get("required") for name, one in then.items()
    }


def definitions(model: type[BaseModel]) -> dict[str, dict[str, Any]]:
    """The JSON schemas of the model and of those in it, without what no reader goes by."""
    schema = model.model_json_schema()
    parts = {model.__name__: schema, **schema.pop("$defs")}
    return {name: for_machines(part) for name, part in parts.items()}


def for_machines(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a model without texts for people, and without patterns, which the models do not check."""
    told = {"title", "description", "pattern"}

    def stripped(value: Any) -> Any:
        if isinstance(value, list):
            return [stripped(item) for item in value]
        if isinstance(value, dict):
            return {name: stripped(item) for name, item in value.items() if name not in told}
        return value

    fields = {name: stripped(field) for name, field in schema["properties"].items()}
    return {**stripped(schema), "properties": fields}


def values(fields: dict[str, Any]) -> list[str]:
    """The values that a status may have. A later release may know more, if it sends them to nobody who does not."""
    return cast("list[str]", fields.get("status", {}).get("enum", []))


def without_values(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: {key: value for key, value in field.items() if key != "enum"} for name, field in fields.items()}


NEW: dict[str, Any] = {
    "command_id": UUID(int=1), "user_id": UUID(int=2), "deadline_unix_ms": 3, "task_id": UUID(int=4), "keyed": True,
    "request_id": "a", "traceparent": "b",
}  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [
        contracts.CreateTask(**NEW, title="a", description="b", is_completed=True),
        contracts.ReplaceTask(**NEW, title="a", description="b", is_completed=True),
        contracts.ToggleTask(**NEW, is_completed=True),
        contracts.DeleteTask(**NEW),
    ],
    ids=lambda command: command.type,
)
def test_a_command_with_all_that_is_new_is_read_by_release_1(command: contracts.AnyCommand) -> None:
    written = spell(contracts.CommandBatch(commands=[command]))

    (read,) = release_1.CommandBatch.model_validate_json(written).commands

    assert common_part(command.model_dump(), read.model_dump()) == read.model_dump()


def test_an_outcome_with_all_that_is_new_is_read_by_release_1() -> None:
    written = spell(contracts.OutcomeBatch(outcomes=[contracts.Outcome(status="done", task="{}", replayed=True)]))

    (read,) = release_1.OutcomeBatch.model_validate_json(written).outcomes

    assert read == release_1.Outcome(status="done", task="{}")


def test_a_read_with_all_that_is_new_is_read_by_release_1() -> None:
    read = contracts.Read(user_id=UUID(int=1), task_id=UUID(int=2), request_id="a", traceparent="b")

    (then,) = release_1.ReadBatch.model_validate_json(spell(contracts.ReadBatch(reads=[read]))).reads

    assert then == release_1.Read(user_id=UUID(int=1), task_id=UUID(int=2))


def test_every_new_field_is_tried() -> None:
    commands = ["CreateTask", "ReplaceTask", "ToggleTask", "DeleteTask"]

    assert set().union(*(new_fields(name) for name in commands)) <= set(NEW)
    assert new_fields("Outcome") == {"replayed"}
    assert new_fields("Read") == {"request_id", "traceparent"}
    assert new_fields("CommandBatch") == new_fields("OutcomeBatch") == new_fields("ReadBatch") == set()


def new_fields(name: str) -> set[str]:
    """The fields that this model has got since release 1."""
    return set(getattr(contracts, name).model_fields) - set(getattr(release_1, name).model_fields)


def test_the_frames_of_release_1_are_read_and_written() -> None:
    bodies = [b"[]", None, b'{"id":1}', b""]

    assert framing.unpack(release_1.FRAMES) == bodies
    assert framing.pack(bodies) == release_1.FRAMES

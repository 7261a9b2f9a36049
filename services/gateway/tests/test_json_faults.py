"""Details of invalid bodies never contain internal names, whatever fault pydantic finds."""

import re
from typing import get_args

import pytest
from gateway.batch_bodies import MAX_OPERATIONS, AnyOperation, BatchBody
from gateway.bodies import CompletionBody, PatchBody, ReplacementBody, TaskBody
from gateway.json_faults import DETAILS, OTHER_DETAIL, OWN_MESSAGES, PYDANTIC_MESSAGES, detail_of
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticKnownError
from pydantic_core.core_schema import ErrorType

INTERNAL = re.compile(r"\b(\w+Body|instance|dictionary|class|module|function|pydantic|python|_\w+|\w+_)\b|[a-z][A-Z]")
CONTEXT = {"max_length": 255, "min_length": 1}
KINDS = get_args(ErrorType)
MODELS = (TaskBody, ReplacementBody, PatchBody, CompletionBody, BatchBody)


VALUES: list[object] = [None, 1, 1.5, "x", "\ud800", "", "\x00", " ", "x" * 3_000, True, [], {}]
ANY_VALUE = pytest.mark.parametrize("value", VALUES, ids=ascii)


def test_there_are_kinds_of_faults() -> None:
    assert len(KINDS) > 90


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_of_fault_shows_internal_names(kind: str) -> None:
    detail = detail_of(kind, "Input should be a valid dictionary or instance of TaskBody")

    assert kind in PYDANTIC_MESSAGES or not INTERNAL.search(detail), detail


@pytest.mark.parametrize("kind", sorted(PYDANTIC_MESSAGES))
def test_the_words_of_pydantic_that_are_passed_on_are_plain(kind: str) -> None:
    words = PydanticKnownError(kind, CONTEXT if "too" in kind else None).message()  # type: ignore[arg-type]  # one of KINDS

    assert not INTERNAL.search(words), words


def test_the_most_operations_are_named() -> None:
    assert f"{MAX_OPERATIONS:,}" in DETAILS["too_long"]


def test_no_kind_is_named_that_pydantic_does_not_have() -> None:
    assert set(KINDS) >= PYDANTIC_MESSAGES | set(DETAILS)
    assert not OWN_MESSAGES & set(KINDS)


@pytest.mark.parametrize("value", [None, 1, 1.5, True, "x", [], ["x"]], ids=repr)
@pytest.mark.parametrize("model", MODELS)
def test_a_value_that_is_not_an_object_gets_its_own_detail(model: type[BaseModel], value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(value)

    assert [detail_of(fault["type"], fault["msg"]) for fault in caught.value.errors()] == ["Must be an object"]


@ANY_VALUE
@pytest.mark.parametrize("model", MODELS)
def test_every_fault_that_a_body_can_have_has_its_own_detail(model: type[BaseModel], value: object) -> None:
    members = dict.fromkeys([*model.model_fields, "unknown"], value)

    try:
        model.model_validate(members)
    except ValidationError as error:
        details = {detail_of(fault["type"], fault["msg"]) for fault in error.errors()}

    assert OTHER_DETAIL not in details
    assert not [detail for detail in details if INTERNAL.search(detail)]


@ANY_VALUE
@pytest.mark.parametrize("operation", get_args(AnyOperation.__value__))
def test_every_fault_that_an_operation_can_have_has_its_own_detail(operation: type[BaseModel], value: object) -> None:
    (op,) = get_args(operation.model_fields["op"].annotation)
    members = dict.fromkeys([*operation.model_fields, "unknown"], value) | {"op": op}

    with pytest.raises(ValidationError) as caught:
        BatchBody.model_validate({"operations": [members]})

    details = {detail_of(fault["type"], fault["msg"]) for fault in caught.value.errors()}
    assert OTHER_DETAIL not in details
    assert not [detail for detail in details if INTERNAL.search(detail)]

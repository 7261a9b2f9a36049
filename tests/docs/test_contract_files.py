"""The generated files in docs/ are what the code generates, are valid, and fit the messages that the code sends."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from common.contracts.commands import CommandBatch
from common.contracts.hints import ChangeHint
from common.contracts.outcomes import Outcome, OutcomeBatch
from faststream.specification.asyncapi.v3_0_0.schema import ApplicationSchema
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from docs.postman_collection import collection
from tests.commands import create, delete, patch, replace, toggle
from tests.json_references import Json, inside, references

from .pages import ROOT

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files as the code generates them now."""
    folder = tmp_path_factory.mktemp("contracts")
    subprocess.run([sys.executable, "-W", "error", str(DOCS / "generate.py"), str(folder)], check=True, timeout=60)
    return folder


@pytest.fixture(scope="module")
def asyncapi() -> Json:
    return json.loads((DOCS / "asyncapi.json").read_text())


def faults(asyncapi: Json, channel: str, message: Json) -> list[str]:
    """How a message differs from what its channel's payload is said to be."""
    (name,) = asyncapi["channels"][channel]["messages"].values()
    payload = inside(asyncapi, name["$ref"])["payload"]
    schema = {**payload, "components": asyncapi["components"]}
    return [fault.message for fault in OAS31Validator(schema).iter_errors(message)]


@pytest.mark.parametrize("name", ["openapi.json", "asyncapi.json", "configuration.md"])
def test_the_file_is_what_the_code_generates(generated: Path, name: str) -> None:
    written = (DOCS / name).read_text()

    assert written == (generated / name).read_text(), "run `make contracts`"


def test_each_type_of_problem_has_the_page_that_the_code_generates(generated: Path) -> None:
    pages = {name: page.read_text() for name, page in pages_of_problems(DOCS)}

    assert pages == {name: page.read_text() for name, page in pages_of_problems(generated)}, "run `make contracts`"


def pages_of_problems(folder: Path) -> list[tuple[str, Path]]:
    return [("problems.md", folder / "problems.md"), *((page.name, page) for page in folder.glob("problems/*"))]


def test_the_collection_of_requests_is_what_the_api_says() -> None:
    written = json.loads((DOCS / "postman-collection.json").read_text())

    assert written == collection(json.loads((DOCS / "openapi.json").read_text())), "run `make contracts`"


def test_the_api_is_valid_openapi() -> None:
    validate(json.loads((DOCS / "openapi.json").read_text()))


def test_the_bus_is_valid_asyncapi(asyncapi: Json) -> None:
    ApplicationSchema.model_validate(asyncapi)

    assert asyncapi["asyncapi"] == "3.0.0"
    found = references(asyncapi)
    assert found
    for reference in found:
        assert inside(asyncapi, reference), reference


def test_the_bus_names_no_server(asyncapi: Json) -> None:
    assert "servers" not in asyncapi
    assert "localhost" not in json.dumps(asyncapi)


def test_the_bus_has_the_three_queues_and_the_exchange(asyncapi: Json) -> None:
    directions = {name: operation["action"] for name, operation in asyncapi["operations"].items()}

    sent = ("gateway.replies", "tasks.dead-letters", "tasks.changed")
    assert directions == {"tasks.commands": "receive"} | dict.fromkeys(sent, "send")
    assert set(asyncapi["channels"]) == set(directions)


def test_commands_fit_their_description(asyncapi: Json) -> None:
    task = create()
    user_id, task_id = task.user_id, task.task_id
    others = [make(user_id, task_id) for make in (replace, patch, toggle, delete)]
    batch = CommandBatch(commands=[task, *others])

    assert faults(asyncapi, "tasks.commands", json.loads(batch.model_dump_json())) == []


def test_a_command_without_a_title_does_not_fit(asyncapi: Json) -> None:
    command = json.loads(create().model_dump_json(exclude={"title"}))

    assert faults(asyncapi, "tasks.commands", {"commands": [command]}) != []


def test_outcomes_fit_their_description(asyncapi: Json) -> None:
    batch = OutcomeBatch(outcomes=[Outcome(status="done", task="{}"), Outcome(status="refused", reason="full")])

    assert faults(asyncapi, "gateway.replies", json.loads(batch.model_dump_json(exclude_defaults=True))) == []


def test_hints_fit_their_description(asyncapi: Json) -> None:
    hint = ChangeHint(revisions={create().user_id: 1764115200000000})

    assert faults(asyncapi, "tasks.changed", json.loads(hint.model_dump_json())) == []
    assert faults(asyncapi, "tasks.changed", {"revisions": {str(create().user_id): "latest"}}) != []

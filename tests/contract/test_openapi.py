"""/openapi.json describes the contract: all operations, every status that each may answer, and the problem body."""

import re
from typing import cast

import httpx
import pytest

from tests.json_references import Json, inside, references
from tests.task_fields import SET_BY_CLIENTS

from .expectations import TASK_KEYS
from .tasks import BATCH, CHANGES, COMPLETE, CREATE, DESCRIBED, EVENTS, GET, LIST, PATCH, REPLACE, WITH_BODY, Operation

READ_ERRORS = {"412", "400", "503"}
WRITE_ERRORS = READ_ERRORS | {"422", "504"}
BODY_ERRORS = {"413", "415"}
STATUSES = {
    "list": {"200"} | READ_ERRORS,
    "create": {"201"} | WRITE_ERRORS | BODY_ERRORS,
    "get": {"200", "404"} | READ_ERRORS,
    "replace": {"200", "404"} | WRITE_ERRORS | BODY_ERRORS,
    "patch": {"200", "404"} | WRITE_ERRORS | BODY_ERRORS,
    "delete": {"204", "404"} | WRITE_ERRORS,
    "complete": {"200", "404"} | WRITE_ERRORS | BODY_ERRORS,
    "changes": {"200", "304", "410"} | READ_ERRORS,
    "events": {"200", "400", "429", "503"},
    "batch": ({"200"} | WRITE_ERRORS | BODY_ERRORS) - {"412"},  # each operation has its own
}
READS = [LIST, GET, CHANGES, EVENTS]
PLACEHOLDER = re.compile(r"\{(\w+)\}")
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


@pytest.fixture(scope="module")
def openapi(api: httpx.Client) -> Json:
    """The published description."""
    response = api.get("/openapi.json")
    assert response.status_code == 200
    return response.json()


def nameless(path: str) -> str:
    """The path without the names of its parameters: they are never sent, so the contract leaves them open."""
    return PLACEHOLDER.sub("{}", path)


def template(openapi: Json, operation: Operation) -> str:
    """The operation's path as the description spells it."""
    (path,) = (path for path in openapi["paths"] if nameless(path) == nameless(operation.path))
    return cast("str", path)


def described(openapi: Json, operation: Operation) -> Json:
    """The description of the operation."""
    return openapi["paths"][template(openapi, operation)][operation.method.lower()]


def resolve(openapi: Json, value: Json) -> Json:
    """The value itself, or what its `$ref` leads to inside the document."""
    while "$ref" in value:
        value = inside(openapi, value["$ref"])
    return value


def request_schema(openapi: Json, operation: Operation) -> Json:
    """The schema of the JSON body that the operation takes."""
    body = resolve(openapi, described(openapi, operation)["requestBody"])
    return resolve(openapi, body["content"][operation.media_type]["schema"])


def test_it_is_openapi_3_1(openapi: Json) -> None:
    assert openapi["openapi"].startswith("3.1.")


def test_it_has_a_title_and_a_version(openapi: Json) -> None:
    assert all(isinstance(openapi["info"][key], str) and openapi["info"][key] for key in ("title", "version"))


def test_every_reference_leads_somewhere(openapi: Json) -> None:
    targets = [resolve(openapi, {"$ref": reference}) for reference in references(openapi)]

    assert targets
    assert all(isinstance(target, dict) for target in targets)


def test_every_operation_has_its_own_id(openapi: Json) -> None:
    ids = [described(openapi, operation)["operationId"] for operation in DESCRIBED]

    assert len(set(ids)) == len(DESCRIBED)


def test_it_describes_the_operations_and_no_other_under_api(openapi: Json) -> None:
    paths = {path: item for path, item in openapi["paths"].items() if path.startswith("/api/")}

    described_operations = {(nameless(path), method) for path, item in paths.items() for method in METHODS & set(item)}

    assert described_operations == {(nameless(operation.path), operation.method.lower()) for operation in DESCRIBED}


@pytest.mark.parametrize("operation", DESCRIBED, ids=str)
def test_every_path_parameter_is_a_required_uuid(openapi: Json, operation: Operation) -> None:
    path = template(openapi, operation)
    shared = openapi["paths"][path].get("parameters", [])
    parameters = [resolve(openapi, p) for p in [*shared, *described(openapi, operation).get("parameters", [])]]

    in_path = {
        p["name"]: (p["required"], resolve(openapi, p["schema"])["format"]) for p in parameters if p["in"] == "path"
    }

    assert in_path == dict.fromkeys(PLACEHOLDER.findall(path), (True, "uuid"))


# More may be described than the contract's table has (405, for one), but a 422 needs a body or a key to cause it.
@pytest.mark.parametrize("operation", DESCRIBED, ids=str)
def test_every_status_of_the_contract_is_described(openapi: Json, operation: Operation) -> None:
    statuses = set(described(openapi, operation)["responses"])

    assert statuses >= STATUSES[operation.name]


@pytest.mark.parametrize("operation", READS, ids=str)
def test_no_422_is_described_where_there_is_neither_body_nor_key(openapi: Json, operation: Operation) -> None:
    assert "422" not in described(openapi, operation)["responses"]


@pytest.mark.parametrize("operation", DESCRIBED, ids=str)
def test_all_but_batches_and_events_take_conditions_a_read_a_revision_and_a_write_a_key_that_may_be_left_out(
    openapi: Json, operation: Operation
) -> None:
    parameters = [resolve(openapi, p) for p in described(openapi, operation).get("parameters", [])]

    headers = {p["name"]: p.get("required", False) for p in parameters if p["in"] == "header"}

    conditions = {} if operation in (BATCH, EVENTS) else {"If-Match": False, "If-None-Match": False}
    others = {"Min-Revision": False} if operation in READS else {"Idempotency-Key": False}
    if operation == EVENTS:
        others["Last-Event-ID"] = False
    assert headers == others | conditions


@pytest.mark.parametrize("operation", DESCRIBED, ids=str)
def test_the_answers_that_may_be_replayed_are_described_as_such(openapi: Json, operation: Operation) -> None:
    answers = described(openapi, operation)["responses"].items()

    marked = {
        status for status, answer in answers if "Idempotency-Replayed" in resolve(openapi, answer).get("headers", {})
    }

    replayed = {str(operation.success), "404", "412"} & STATUSES[operation.name]
    assert marked == (set() if operation in READS else replayed)


@pytest.mark.parametrize("operation", DESCRIBED, ids=str)
def test_every_error_is_described_as_a_problem(openapi: Json, operation: Operation) -> None:
    answers = described(openapi, operation)["responses"].items()
    errors = {status: resolve(openapi, answer) for status, answer in answers if status[0] in "45"}

    assert errors
    for status, error in errors.items():
        assert list(error["content"]) == ["application/problem+json"], status
        schema = resolve(openapi, error["content"]["application/problem+json"]["schema"])
        assert set(schema["properties"]) >= {"type", "title", "status", "detail"}, status


@pytest.mark.parametrize("operation", [CREATE, GET, REPLACE, PATCH, LIST], ids=str)
def test_a_task_is_described_with_all_its_members(openapi: Json, operation: Operation) -> None:
    answer = resolve(openapi, described(openapi, operation)["responses"][str(operation.success)])
    schema = resolve(openapi, answer["content"]["application/json"]["schema"])

    task = resolve(openapi, schema["items"]) if schema.get("type") == "array" else schema

    assert (set(task["properties"]), set(task["required"])) == (TASK_KEYS, TASK_KEYS)


def test_a_204_is_described_without_content(openapi: Json) -> None:
    (delete,) = (operation for operation in DESCRIBED if operation.success == 204)

    answer = resolve(openapi, described(openapi, delete)["responses"]["204"])

    assert not answer.get("content")


@pytest.mark.parametrize("operation", [CREATE, REPLACE, PATCH], ids=str)
def test_a_body_is_described_without_the_servers_own_fields(openapi: Json, operation: Operation) -> None:
    properties = cast("dict[str, Json]", request_schema(openapi, operation)["properties"])

    assert set(properties) == set(SET_BY_CLIENTS)


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_a_body_is_described_as_required_where_it_is(openapi: Json, operation: Operation) -> None:
    body = resolve(openapi, described(openapi, operation)["requestBody"])

    assert body.get("required", False) is (operation != COMPLETE)


@pytest.mark.parametrize("operation", [CREATE, REPLACE, PATCH], ids=str)
def test_the_limits_of_a_title_are_described(openapi: Json, operation: Operation) -> None:
    title = resolve(openapi, request_schema(openapi, operation)["properties"]["title"])

    assert (title["minLength"], title["maxLength"]) == (1, 255)

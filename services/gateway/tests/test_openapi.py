"""The document says what the code does: its paths, its answers, and the contract's limits."""

import re
from typing import Any

import pytest
from common.contracts.outcomes import Outcome
from gateway.app import create_app
from gateway.bodies import MERGE_PATCH
from gateway.openapi import openapi_document

from tests.serving import Served
from tests.task_fields import TASK_FIELDS

from .in_process import BATCH, CHANGES, COMPLETE, EVENTS, JSON, TASK, TASKS, answered_gateway, settings

DOCUMENT = openapi_document(create_app(settings(1)))
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
BODY = b'{"title": "Buy milk"}'
OPERATIONS = {
    "list_tasks": ("GET", TASKS, None),
    "create_task": ("POST", TASKS, BODY),
    "find_task": ("GET", TASK, None),
    "replace_task": ("PUT", TASK, BODY),
    "patch_task": ("PATCH", TASK, BODY),
    "delete_task": ("DELETE", TASK, None),
    "toggle_task": ("PATCH", COMPLETE, None),
    "list_changes": ("GET", CHANGES, None),
    "stream_events": ("GET", EVENTS, None),
    "run_batch": ("POST", BATCH, b'{"operations": [{"op": "create", "title": "Buy milk"}]}'),
}
UNCONDITIONAL = ["run_batch", "stream_events"]  # which have no entity tag
READS = ["list_tasks", "find_task", "list_changes"]
WRITES = ["create_task", "replace_task", "patch_task", "delete_task", "toggle_task"]
WITH_BODY = ["create_task", "replace_task", "patch_task", "toggle_task", "run_batch"]


TYPES = {"patch_task": {"Content-Type": MERGE_PATCH}}


def typed(name: str) -> dict[str, str]:
    """The media type of the operation's body."""
    return TYPES.get(name, JSON)


def documented(name: str) -> dict[str, Any]:
    """The operation of this name, as the document has it."""
    items = (item for path in DOCUMENT["paths"].values() for key, item in path.items() if key != "parameters")
    (operation,) = (item for item in items if item["operationId"] == name)
    return dict(operation)


def test_it_has_the_paths_and_methods_of_the_routes() -> None:
    routes = create_app(settings(1)).routes

    served = {
        (getattr(route, "path", ""), method.lower())
        for route in routes
        for method in getattr(route, "methods", ())
        if method != "HEAD"
    }

    described = {
        (path, method) for path, item in DOCUMENT["paths"].items() for method in item if method != "parameters"
    }
    # HEAD follows from GET; to describe it would make generated clients have it twice.
    assert described == {(path, method) for path, method in served if path.startswith("/api/") and method != "head"}


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_parameter_of_a_path_is_described(name: str) -> None:
    (path,) = (path for path, item in DOCUMENT["paths"].items() if documented(name) in item.values())
    parameters = documented(name)["parameters"]

    described = {one["name"] for one in parameters if one["in"] == "path" and one["description"]}

    assert described == {part.strip("{}") for part in path.split("/") if part.startswith("{")}


# Swagger UI shows a path's parameter that is a $ref without its name.
def test_every_path_takes_a_name_of_the_request_and_says_so_in_full() -> None:
    assert DOCUMENT["paths"]
    for path, item in DOCUMENT["paths"].items():
        assert [(one["name"], one["in"]) for one in item["parameters"]] == [("X-Request-ID", "header")], path


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_with_a_body_has_an_example(name: str) -> None:
    answers = documented(name)["responses"].items()
    contents = [(status, content) for status, answer in answers for content in answer.get("content", {}).values()]

    assert contents
    for status, content in contents:
        examples = [one["value"] for one in content.get("examples", {}).values()] or [content.get("example")]
        assert all(examples), status


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_summary_is_a_line_and_the_rest_of_the_docstring_a_description(name: str) -> None:
    operation = documented(name)

    assert operation["summary"]
    assert not operation["summary"].endswith(".")
    assert operation["summary"] not in operation.get("description", "")


ANSWERED = [
    pytest.param("GET", TASKS.replace("7f1b", "7f1"), None, {}, id="invalid-id"),
    pytest.param("GET", f"{TASKS}?limit=1", None, {}, id="unknown-parameter"),
    pytest.param("POST", TASKS, b"{", JSON, id="malformed-body"),
    pytest.param("POST", TASKS, b'{"title": " "}', JSON, id="invalid-task"),
    pytest.param("POST", TASKS, b"{}", {"Content-Type": "text/plain"}, id="unsupported-media-type"),
    pytest.param("POST", TASKS, b"{}", JSON | {"Content-Encoding": "gzip"}, id="unsupported-content-encoding"),
    pytest.param("POST", TASKS, b" " * 70_000, JSON, id="body-too-large"),
    pytest.param("PUT", TASK, BODY, JSON | {"If-Match": "stale"}, id="invalid-precondition"),
    pytest.param("GET", TASK, None, {}, id="unavailable"),
]


@pytest.mark.parametrize(("method", "path", "body", "headers"), ANSWERED)
async def test_an_example_is_what_is_answered(
    gateway: Served, method: str, path: str, body: bytes | None, headers: dict[str, str]
) -> None:
    answer = await gateway.ask(method, path, body=body, headers=headers)

    assert answer.json() in examples_of(str(answer.status))


def examples_of(status: str) -> list[Any]:
    """All examples of problems with this status."""
    contents = [documented(name)["responses"].get(status, {}).get("content", {}) for name in OPERATIONS]
    return [one["value"] for content in contents for media in content.values() for one in media["examples"].values()]


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_is_described_with_the_name_of_its_request(name: str) -> None:
    answers = documented(name)["responses"]

    assert answers
    for status, answer in answers.items():
        assert answer["headers"]["X-Request-ID"] == {"$ref": "#/components/headers/RequestId"}, status


@pytest.mark.parametrize("given", ["mine", "~" * 64, "~" * 65, "", "not mine"])
async def test_the_name_of_an_answer_is_as_described(gateway: Served, given: str) -> None:
    answer = await gateway.ask("GET", TASKS, headers={"X-Request-ID": given})

    described = DOCUMENT["components"]["headers"]["RequestId"]["schema"]["pattern"]
    assert re.search(described, answer.headers["x-request-id"])
    assert (answer.headers["x-request-id"] == given) is bool(re.search(described, given))


@pytest.mark.parametrize("name", OPERATIONS)
async def test_the_503_of_absent_servers_is_described(gateway: Served, name: str) -> None:
    method, path, body = OPERATIONS[name]

    answer = await gateway.ask(method, path, body=body, headers=typed(name))

    assert str(answer.status) in documented(name)["responses"]


@pytest.mark.parametrize("name", OPERATIONS)
async def test_the_400_of_a_bad_id_is_described(gateway: Served, name: str) -> None:
    method, path, body = OPERATIONS[name]

    answer = await gateway.ask(method, path.replace("7f1b", "7f1"), body=body, headers=JSON)

    assert answer.json()["type"] in documented(name)["responses"][str(answer.status)]["description"]


@pytest.mark.parametrize("status", ["done", "refused", "expired", "unknown", "key_reused"])
@pytest.mark.parametrize("name", WRITES)
async def test_the_answer_to_every_outcome_is_described(name: str, status: str) -> None:
    method, path, body = OPERATIONS[name]

    async with answered_gateway(Outcome.model_validate({"status": status, "task": "{}"})) as (gateway, _):
        answer = await gateway.ask(method, path, body=body, headers=typed(name))

    assert str(answer.status) in documented(name)["responses"]


@pytest.mark.parametrize("name", WRITES)
async def test_the_400_of_a_bad_key_is_described(gateway: Served, name: str) -> None:
    method, path, body = OPERATIONS[name]

    answer = await gateway.ask(method, path, body=body, headers=typed(name) | {"Idempotency-Key": '"'})

    assert answer.json()["type"] in documented(name)["responses"]["400"]["description"]


@pytest.mark.parametrize("name", WRITES)
async def test_the_422_of_a_key_of_another_request_is_described(name: str) -> None:
    method, path, body = OPERATIONS[name]

    async with answered_gateway(Outcome(status="key_reused")) as (gateway, _):
        answer = await gateway.ask(method, path, body=body, headers=typed(name))

    assert answer.json()["type"] in documented(name)["responses"]["422"]["description"]


@pytest.mark.parametrize("name", [name for name in WRITES if name != "create_task"])
async def test_the_404_of_a_task_that_is_not_there_is_described(name: str) -> None:
    method, path, body = OPERATIONS[name]

    async with answered_gateway(Outcome(status="not_found")) as (gateway, _):
        answer = await gateway.ask(method, path, body=body, headers=typed(name))

    assert answer.json()["type"] in documented(name)["responses"]["404"]["description"]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"{", {}),
        (b"[]", {}),
        (b"{}", {"Content-Type": "text/plain"}),
        (b" " * 70_000, {}),
        (b'{"title": "x", "title": "x"}', {}),
    ],
    ids=["400", "422", "415", "413", "400, a member twice"],
)
@pytest.mark.parametrize("name", WITH_BODY)
async def test_the_answer_to_every_fault_of_a_body_is_described(
    gateway: Served, name: str, body: bytes, headers: dict[str, str]
) -> None:
    method, path, _ = OPERATIONS[name]

    answer = await gateway.ask(method, path, body=body, headers=typed(name) | headers)

    assert answer.json()["type"] in documented(name)["responses"][str(answer.status)]["description"]


@pytest.mark.parametrize("name", WITH_BODY)
async def test_the_415_of_a_coded_body_is_described(gateway: Served, name: str) -> None:
    method, path, _ = OPERATIONS[name]

    answer = await gateway.ask(method, path, body=b"x", headers=typed(name) | {"Content-Encoding": "gzip"})

    described_answer = documented(name)["responses"]["415"]
    assert answer.json()["type"] in described_answer["description"]
    assert {"Accept", "Accept-Encoding"} <= set(described_answer["headers"])


@pytest.mark.parametrize("name", OPERATIONS)
async def test_the_400_of_a_parameter_is_described(gateway: Served, name: str) -> None:
    method, path, body = OPERATIONS[name]

    answer = await gateway.ask(method, f"{path}?colour=1", body=body, headers=typed(name))

    assert answer.json()["type"] in documented(name)["responses"]["400"]["description"]


@pytest.mark.parametrize("name", WRITES)
async def test_the_412_of_a_precondition_is_described(name: str) -> None:
    method, path, body = OPERATIONS[name]
    failed = Outcome(status="precondition_failed", revision=1_764_115_200_000_000)

    async with answered_gateway(failed) as (gateway, _):
        answer = await gateway.ask(method, path, body=body, headers=typed(name) | {"If-Match": '"1-7"'})

    assert answer.json() in examples_of("412")
    assert set(documented(name)["responses"]["412"]["headers"]) >= {"ETag", "Idempotency-Replayed"}


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name not in UNCONDITIONAL])
async def test_the_conditions_and_their_400_are_described(gateway: Served, name: str) -> None:
    method, path, body = OPERATIONS[name]

    answer = await gateway.ask(method, path, body=body, headers=typed(name) | {"If-None-Match": "1-7"})

    assert answer.json()["type"] in documented(name)["responses"]["400"]["description"]
    assert {"If-Match", "If-None-Match"} <= {one["name"] for one in documented(name)["parameters"]}


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name not in UNCONDITIONAL])
def test_an_entity_tag_is_described_where_a_task_is_answered(name: str) -> None:
    answers = documented(name)["responses"]
    tagged = {status for status, answer in answers.items() if "ETag" in answer["headers"]}

    success = {name: {"200", "304"} for name in READS} | {"create_task": {"201"}, "delete_task": set()}
    assert tagged == success.get(name, {"200"}) | {"412"}
    assert ("304" in answers) is (name in READS)


@pytest.mark.parametrize("schema", ["ReplacementBody", "PatchBody"])
def test_what_may_be_sent_back_is_described(schema: str) -> None:
    assert set(SCHEMAS[schema]["patternProperties"]) == {"^id$", "^user_id$", "^created_at$"}


def test_a_patch_is_described_as_a_merge_patch_without_defaults() -> None:
    described = {name: list(documented(name)["requestBody"]["content"]) for name in WITH_BODY}

    assert described.pop("patch_task") == [MERGE_PATCH]
    assert set(map(str, described.values())) == {"['application/json']"}
    assert not [name for name, one in SCHEMAS["PatchBody"]["properties"].items() if "default" in one]


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_415_of_a_patch_is_described_with_what_is_accepted(name: str) -> None:
    headers = documented(name)["responses"].get("415", {}).get("headers", {})

    assert ("Accept-Patch" in headers) is (OPERATIONS[name][0] == "PATCH")


def test_the_404_of_a_read_is_described_where_there_is_one() -> None:
    described = {name for name in ("list_tasks", "find_task") if "404" in documented(name)["responses"]}

    assert described == {"find_task"}


@pytest.mark.parametrize("name", WITH_BODY)
def test_the_408_of_a_slow_body_is_described(name: str) -> None:
    assert "408" in documented(name)["responses"]


@pytest.mark.parametrize("schema", ["Task", "TaskBody", "ReplacementBody", "PatchBody"])
def test_a_title_has_the_limits_of_the_contract(schema: str) -> None:
    title = SCHEMAS[schema]["properties"]["title"]

    assert (title["type"], title["minLength"], title["maxLength"]) == ("string", 1, 255)


@pytest.mark.parametrize("schema", ["Task", "TaskBody", "ReplacementBody", "PatchBody"])
def test_a_description_is_null_or_has_the_limit_of_the_contract(schema: str) -> None:
    kinds = SCHEMAS[schema]["properties"]["description"]["anyOf"]

    assert [(kind["type"], kind.get("maxLength")) for kind in kinds] == [("string", 2000), ("null", None)]


@pytest.mark.parametrize(
    ("schema", "required"),
    [
        ("Task", set(TASK_FIELDS)),
        ("TaskBody", {"title"}),
        ("ReplacementBody", {"title"}),
        ("PatchBody", set()),
        ("CompletionBody", set()),
    ],
)
def test_a_schema_requires_what_the_contract_requires_and_allows_nothing_unknown(
    schema: str, required: set[str]
) -> None:
    assert set(SCHEMAS[schema].get("required", ())) == required
    assert SCHEMAS[schema]["additionalProperties"] is False


def test_every_answer_that_is_an_error_is_a_problem() -> None:
    answers = [item for name in OPERATIONS for item in documented(name)["responses"].items()]

    assert {str(list(answer["content"])) for status, answer in answers if status >= "4"} == {
        "['application/problem+json']"
    }


def test_a_time_is_described_with_six_digits() -> None:
    described = SCHEMAS["Task"]["properties"]["created_at"]

    assert re.search(described["pattern"], described["example"])
    assert not re.search(described["pattern"], described["example"].replace("0+", "+"))

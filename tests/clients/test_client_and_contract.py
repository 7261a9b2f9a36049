"""The Python client knows what the API has: its operations, their parameters, the fields of tasks, the problems."""

import dataclasses
import inspect
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from common.contracts.fields import TaskFields
from common.http import problems
from taskwire_client import ChangesGone, Client, InvalidRequest, Operation, Problem, Task
from taskwire_client.problems import problem_of
from taskwire_client.tasks import Fields, Filters

METHODS = {
    "create_task": Client.create,
    "find_task": Client.get,
    "replace_task": Client.replace,
    "patch_task": Client.patch,
    "toggle_task": Client.complete,
    "delete_task": Client.delete,
    "list_tasks": Client.pages,
    "list_changes": Client.sync,
    "stream_events": Client.watch,
    "run_batch": Client.batch,
}
OF_PAGES = {"limit", "cursor"}


@pytest.fixture(scope="module")
def description(repository: Path) -> Any:
    return json.loads((repository / "docs/openapi.json").read_text())


def operations(description: Any) -> dict[str, Any]:
    """By their ids."""
    found = (one for path in description["paths"].values() for one in path.values() if isinstance(one, dict))
    return {operation["operationId"]: operation for operation in found}


def test_each_operation_of_the_api_has_a_method(description: Any) -> None:
    assert set(operations(description)) == set(METHODS)


def test_each_filter_of_lists_can_be_given(description: Any) -> None:
    parameters = operations(description)["list_tasks"]["parameters"]

    assert {one["name"] for one in parameters if one["in"] == "query"} - OF_PAGES == set(Filters.__annotations__)


def test_each_operation_of_batches_can_be_made(description: Any) -> None:
    mapping = description["components"]["schemas"]["BatchBody"]["properties"]["operations"]["items"]["discriminator"]

    made = {name for name, _ in inspect.getmembers(Operation, inspect.ismethod)}
    assert made == set(mapping["mapping"])


def test_a_task_has_the_fields_of_the_contract(description: Any) -> None:
    shown = set(description["components"]["schemas"]["Task"]["properties"])

    assert {field.name for field in dataclasses.fields(Task)} - {"etag"} == shown
    assert set(TaskFields.model_fields) == Fields.__optional_keys__


def test_every_problem_of_the_api_has_its_exception() -> None:
    kinds = [value for value in vars(problems).values() if isinstance(value, problems.ProblemType)]

    raised = {kind.slug: type(problem_of(kind.status, {"type": kind.uri, "title": kind.title})) for kind in kinds}

    assert len(kinds) > 25
    assert Problem not in raised.values()
    assert raised["changes-gone"] is ChangesGone
    others = itertools.groupby(sorted(raised.items(), key=lambda item: item[1].__name__), key=lambda item: item[1])
    assert {
        kind.__name__: sorted(slug for slug, _ in group) for kind, group in others if kind is not InvalidRequest
    } == {
        "ChangesGone": ["changes-gone"],
        "KeyReused": ["idempotency-key-reused"],
        "NotAuthenticated": ["invalid-token", "no-token"],
        "OutcomeUnknown": ["outcome-unknown"],
        "PreconditionFailed": ["precondition-failed"],
        "RevisionUnreached": ["revision-unreached"],
        "ServerError": ["http-version-unknown", "internal", "transfer-coding-unknown"],
        "TaskNotFound": ["task-not-found"],
        "TooManyRequests": ["too-many-event-streams", "too-many-requests"],
        "Unavailable": ["not-done", "overloaded", "slow-body", "slow-head", "tokens-unverifiable", "unavailable"],
    }

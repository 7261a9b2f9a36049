"""The requests of docs/postman-collection.json, sent in their order with its variables, succeed on a real system."""

import json
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

type Json = dict[str, Any]

OPENAPI, COLLECTION = "docs/openapi.json", "docs/postman-collection.json"


@pytest.fixture(scope="module")
def collection(repository: Path) -> Json:
    """The file."""
    loaded: Json = json.loads((repository / COLLECTION).read_text())
    return loaded


def test_it_has_every_operation_of_the_api(repository: Path, collection: Json) -> None:
    paths = json.loads((repository / OPENAPI).read_text())["paths"]
    described = {(method.upper(), path) for path, item in paths.items() for method in item if method != "parameters"}

    asked = [(one["request"]["method"], "/" + "/".join(one["request"]["url"]["path"])) for one in collection["item"]]

    assert {(method, path.replace("{{", "{").replace("}}", "}")) for method, path in asked} == described
    assert len(asked) == len(described)


def test_its_requests_succeed_one_after_the_other(gateway_url: str, collection: Json) -> None:
    variables = {one["key"]: one["value"] for one in collection["variable"]}
    variables |= {"base_url": gateway_url, "user_id": str(uuid4())}

    statuses = {}
    with httpx.Client(timeout=15, trust_env=False) as client:
        for item in collection["item"]:
            with client.stream(**request(item["request"], variables | {"$guid": str(uuid4())})) as answer:
                statuses[item["name"]] = answer.status_code
                if answer.status_code == 201:  # what the item's script does
                    variables["task_id"] = json.loads(answer.read())["id"]

    assert {name: status for name, status in statuses.items() if status not in {200, 201, 204}} == {}


def test_a_created_task_is_kept_for_the_next_requests(collection: Json) -> None:
    scripts = {item["name"]: item["event"][0]["script"]["exec"] for item in collection["item"] if "event" in item}

    assert list(scripts) == [collection["item"][0]["name"]] == ["Create a task"]
    assert 'set("task_id", pm.response.json().id)' in scripts["Create a task"][0]


def request(described: Json, variables: dict[str, str]) -> Json:
    """What a client of the collection sends: variables in their places, without what is switched off."""

    def filled(text: str) -> str:
        return re.sub(r"\{\{([^}]+)\}\}", lambda found: variables[found[1]], text)

    headers = {one["key"]: filled(one["value"]) for one in described["header"] if not one.get("disabled")}
    query = {one["key"]: filled(one["value"]) for one in described["url"]["query"] if not one.get("disabled")}
    body = filled(described["body"]["raw"]) if "body" in described else None
    return {
        "method": described["method"],
        "url": filled(described["url"]["raw"]),
        "headers": headers,
        "params": query,
        "content": body,
    }

"""Writes postman-collection.json: each operation of openapi.json as a request, for Postman and Bruno, which imports it.

    uv run python docs/postman_collection.py [folder]

The folder is this one unless another is given; the same document always makes the same bytes. Sent in their order the
requests succeed: the first one creates the task that the others use.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

type Json = dict[str, Any]

DOCS = Path(__file__).parent
NAME = "postman-collection.json"
SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
METHODS = ("post", "get", "put", "patch", "delete")
"""In the order of the requests: what creates comes first, what deletes last."""

SENT_ALWAYS = {"Idempotency-Key": '"{{$guid}}"'}
"""Of the optional headers, those with which a request is better than without; the others can be switched on."""

KEEP_ID = ['if (pm.response.code === 201) pm.collectionVariables.set("task_id", pm.response.json().id);']
ABOUT = (
    "Set `base_url`. Create a task first: its id becomes `task_id`. Optional parameters are switched off; with"
    " AUTH_MODE=jwt set `token` and switch the header Authorization on. Generated from openapi.json: `make contracts`."
)


def collection(document: Json) -> Json:
    """The collection (format 2.1) of an OpenAPI document whose paths' parameters and bodies have examples."""
    operations = sorted(_operations(document), key=_place)
    examples = _path_examples(document)
    variables = {"base_url": "http://127.0.0.1:8000", **examples, "token": ""}
    info = document["info"]
    return {
        "info": {
            "name": info["title"],
            "description": f"{info['description']}\n\n{ABOUT}",
            "version": info["version"],
            "schema": SCHEMA,
        },
        "item": [_item(document, *found) for found in operations],
        "variable": [{"key": name, "value": value} for name, value in variables.items()],
    }


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in document["paths"].items():
        yield from ((path, method, item[method]) for method in METHODS if method in item)


def _place(found: tuple[str, str, Json]) -> tuple[bool, int]:
    _, method, operation = found
    return "201" not in operation["responses"], METHODS.index(method)


def _path_examples(document: Json) -> dict[str, str]:
    """The parameters of all paths, each with its example: they become the collection's variables."""
    return {
        one["name"]: one["schema"]["examples"][0]
        for _, _, operation in _operations(document)
        for one in operation["parameters"]
        if one["in"] == "path"
    }


def _item(document: Json, path: str, method: str, operation: Json) -> Json:
    parameters = operation["parameters"]
    query = [_optional(one) for one in parameters if one["in"] == "query"]
    headers = [_optional(one) for one in parameters if one["in"] == "header"]
    request: Json = {
        "method": method.upper(),
        "description": operation.get("description", operation["summary"]),
        "header": [*headers, {"key": "Authorization", "value": "Bearer {{token}}", "disabled": True}],
        "url": _url(path, query),
    }
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        request["header"].insert(0, {"key": "Content-Type", "value": media_type})
        request["body"] = {"mode": "raw", "raw": _body(document, content), "options": {"raw": {"language": "json"}}}
    item: Json = {"name": operation["summary"], "request": request, "response": []}
    if "201" in operation["responses"]:
        item["event"] = [{"listen": "test", "script": {"type": "text/javascript", "exec": KEEP_ID}}]
    return item


def _url(path: str, query: list[Json]) -> Json:
    parts = path.replace("{", "{{").replace("}", "}}").strip("/").split("/")
    return {"raw": "/".join(["{{base_url}}", *parts]), "host": ["{{base_url}}"], "path": parts, "query": query}


def _optional(parameter: Json) -> Json:
    """A parameter that is switched off, with its example, unless it is always sent."""
    name = parameter["name"]
    example = parameter["schema"]["examples"][0]
    value = SENT_ALWAYS.get(name, example if isinstance(example, str) else json.dumps(example))
    switched = {} if name in SENT_ALWAYS else {"disabled": True}
    return {"key": name, "value": value, "description": parameter["description"], **switched}


def _body(document: Json, content: Json) -> str:
    """The example of a body as JSON text, in which ids that paths have are variables."""
    schema = document["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
    text = json.dumps(schema["example"], indent=2, ensure_ascii=False)
    for name, example in _path_examples(document).items():
        text = text.replace(example, f"{{{{{name}}}}}")
    return text


def main() -> None:
    """Writes the file."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS
    document = json.loads((DOCS / "openapi.json").read_text(encoding="utf-8"))
    text = json.dumps(collection(document), indent=2, ensure_ascii=False)
    (folder / NAME).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

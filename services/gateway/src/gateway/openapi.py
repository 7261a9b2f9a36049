"""The OpenAPI document: FastAPI's, completed with what FastAPI cannot express."""

from copy import deepcopy
from typing import Any

from common.http.request_ids import HEADER, MAX_CHARACTERS
from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from gateway.answers import ProblemDetails
from gateway.problem_responses import REPLAYED_DESCRIPTION

type Json = dict[str, Any]

ABOUT: Json = {
    "description": "Tasks of many users. A write is answered once it is committed; another user's task is 404.",
    "license_info": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
    "servers": [{"url": "/", "description": "This gateway"}],
    "openapi_tags": [{"name": "tasks", "description": "The tasks of one user"}],
}
"""The document's description of the API, but for its version, which is that of the package (docs/releases.md)."""

SCHEMAS = "#/components/schemas/"
FASTAPIS_ERRORS = ("HTTPValidationError", "ValidationError")

REQUEST_ID_PARAMETER: Json = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": (
        f"An id for this request in its response and in the logs: 1 to {MAX_CHARACTERS} visible ASCII characters. "
        "An invalid id is replaced; the request is not rejected."
    ),
    "schema": {"type": "string", "examples": ["7d8f2a4100000c2e"]},
}
REQUEST_ID: Json = {
    "description": "The request id: the client's, or a new one",
    "required": True,
    "schema": {"type": "string", "pattern": f"^[!-~]{{1,{MAX_CHARACTERS}}}$", "examples": ["7d8f2a4100000c2e"]},
}


def openapi_document(app: FastAPI) -> Json:
    """The OpenAPI 3.1 document of the app's path operations.

    Adds what all operations share: the request id, the problem schema, and security. Removes FastAPI's own 422, whose
    format is not used.
    """
    document = deepcopy(app.openapi())  # FastAPI caches it
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in FASTAPIS_ERRORS:
        schemas.pop(name, None)
    _, problem = models_json_schema([(ProblemDetails, "serialization")], ref_template=f"{SCHEMAS}{{model}}")
    schemas |= problem["$defs"]
    components["headers"] = {"IdempotencyReplayed": REPLAYED_DESCRIPTION, "RequestId": REQUEST_ID}
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    for operation in operations:
        _complete(operation)
    for path in document["paths"].values():
        path["parameters"] = [
            REQUEST_ID_PARAMETER
        ]  # no $ref: Swagger UI shows a referenced path parameter without its name
    document["security"] = _shared_security(operations)
    return document


def _complete(operation: Json) -> None:
    responses = operation["responses"]
    if SCHEMAS + FASTAPIS_ERRORS[0] in str(responses.get("422")):
        del responses["422"]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        content["schema"].pop("default", None)  # the default of an optional body would be misleading
    for response in responses.values():
        response.setdefault("headers", {})[HEADER] = {"$ref": "#/components/headers/RequestId"}
    operation["responses"] = dict(sorted(responses.items()))


def _shared_security(operations: list[Json]) -> list[Json]:
    """The security that all operations share, declared once."""
    needed: list[list[Json]] = [operation.pop("security", []) for operation in operations]
    if any(one != needed[0] for one in needed):
        raise ValueError("operations differ in their security")
    return needed[0]

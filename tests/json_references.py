"""The `$ref`s of a JSON document, such as those of OpenAPI and AsyncAPI."""

from typing import Any

# What JSON holds; the tests are about its shape.
type Json = Any


def references(value: Json) -> set[str]:
    """Every `$ref` anywhere in the value."""
    if isinstance(value, list):
        return set().union(*map(references, value))
    if not isinstance(value, dict):
        return set()
    own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
    return own.union(*map(references, value.values()))


def inside(document: Json, reference: str) -> Json:
    """What a `$ref` leads to inside the document; KeyError when it leads nowhere."""
    place = document
    for key in reference.removeprefix("#/").split("/"):
        place = place[key]
    return place

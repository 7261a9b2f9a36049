"""Parses JSON bodies into models, and describes their errors to clients."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from common.http.problems import INVALID_TASK, MALFORMED_BODY, Problem
from pydantic import BaseModel, ValidationError

MAX_FAULTS = 20  # listed in one response
MAX_SHOWN_CHARACTERS = 64  # of a member's name
BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # RFC 8259, section 8.1, lets a parser ignore it

OWN_MESSAGES = frozenset({"another_id", "blank_text", "entity_tags", "invalid_id", "unstorable_text"})
"""Error types of our own validators, whose messages are shown."""

PYDANTIC_MESSAGES = frozenset(
    {"bool_type", "extra_forbidden", "missing", "string_too_long", "string_too_short", "string_type"}
)
"""Error types whose pydantic messages are shown; other messages may name our classes and functions."""

DETAILS: Mapping[str, str] = {
    "model_type": "Must be an object",
    "model_attributes_type": "Must be an object",
    "list_type": "Must be an array",
    "too_long": "Must not have more than 1,000 items",
    "too_short": "Must not be empty",
    "union_tag_invalid": "Must be create, replace, patch, complete or delete",
    "union_tag_not_found": "Field required",
    "string_unicode": "Text must not contain a lone surrogate",
}
OTHER_DETAIL = "Is not valid"


class _RepeatedMember(ValueError):
    """An object repeats a member name, which is ambiguous (RFC 8259, section 4)."""


def parse_json[Body: BaseModel](body: bytes, model: type[Body], context: Mapping[str, str] | None = None) -> Body:
    """The body as `model`. Raises a problem: 400 for invalid JSON or a repeated member, 422 for a schema violation.

    A valid body is parsed once, unless a text has an escaped colon.
    """
    body = body.removeprefix(BYTE_ORDER_MARK)
    try:
        parsed = model.model_validate_json(body, context=context)
    except ValidationError:
        return _parse_again(body, model, context)
    if not _has_each_member_once(body, parsed):
        _load(body)
    return parsed


def _has_each_member_once(body: bytes, parsed: BaseModel) -> bool:
    """Counts colons: pydantic keeps the last of two equal members, so a repeat leaves a colon unaccounted for.

    False does not prove a repeat, because `\\u003a` in a text is a colon, too.
    """
    colons = body.count(b":")
    if colons == len(parsed.model_fields_set):  # most bodies
        return True
    objects = [*_objects_in(parsed)]
    unexplained = colons - sum(len(one.model_fields_set) for one in objects)
    if unexplained == 0:
        return True
    in_texts = sum(value.count(":") for one in objects for value in vars(one).values() if isinstance(value, str))
    return unexplained == in_texts and b"\\u003" not in body


def _objects_in(parsed: BaseModel) -> Iterator[BaseModel]:
    """The objects of a body: itself, and those in its lists."""
    yield parsed
    for value in vars(parsed).values():
        if isinstance(value, list):
            yield from value


def _parse_again[Body: BaseModel](body: bytes, model: type[Body], context: Mapping[str, str] | None) -> Body:
    """Distinguishes JSON that violates the schema (422) from invalid JSON (400).

    pydantic's parser rejects a lone surrogate as a syntax error and accepts NaN; by RFC 8259 the first is JSON and the
    second is not. So the standard library decides, for invalid bodies only.
    """
    value = _load(body)
    try:
        return model.model_validate(value, context=context)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)[:MAX_FAULTS]
    errors = [
        {"pointer": _pointer(fault["type"], fault["loc"]), "detail": detail_of(fault["type"], fault["msg"])}
        for fault in faults
    ]
    raise Problem(INVALID_TASK, "See `errors` for each error in the body.", errors=errors)


def _load(body: bytes) -> Any:
    """The JSON value. All numbers become floats, which have no digit limit; no known field is a number."""
    try:
        return json.loads(
            body.decode(), parse_constant=_refuse_constant, parse_int=float, object_pairs_hook=_members_once
        )
    except _RepeatedMember as error:
        raise Problem(MALFORMED_BODY, f"An object has the member {error} more than once.") from None
    except (ValueError, RecursionError):
        raise Problem(MALFORMED_BODY, "The body must be a JSON document in UTF-8.") from None


def _members_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise _RepeatedMember(json.dumps(name[:MAX_SHOWN_CHARACTERS]))
        members[name] = value
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def detail_of(kind: str, message: str) -> str:
    """The message for clients for an error type, given pydantic's message."""
    if kind in OWN_MESSAGES or kind in PYDANTIC_MESSAGES:
        return message
    return DETAILS.get(kind, OTHER_DETAIL)


def _pointer(kind: str, location: tuple[int | str, ...]) -> str:
    """A JSON pointer (RFC 6901) as a URI fragment, as in RFC 9457's example.

    An object in a list is one of several kinds: pydantic names the kind after the place, where the body has nothing.
    """
    parts = [part for before, part in zip((None, *location), location, strict=False) if not isinstance(before, int)]
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        parts.append("op")
    return "#" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)

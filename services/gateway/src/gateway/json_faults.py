"""Bytes as a model of what a body may say, and what is wrong with those that are none, in words for clients."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from common.http.problems import INVALID_TASK, MALFORMED_BODY, Problem
from pydantic import BaseModel, ValidationError

MAX_FAULTS = 20  # told in one answer
MAX_SHOWN_CHARACTERS = 64  # of a member's name
BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # RFC 8259, section 8.1, lets a parser ignore it

OWN_WORDS = frozenset({"another_id", "blank_text", "unstorable_text"})
"""Faults that our own rules word."""

PLAIN_WORDS = frozenset(
    {"bool_type", "extra_forbidden", "missing", "string_too_long", "string_too_short", "string_type"}
)
"""Faults whose words pydantic has well enough; those of others may name our classes and functions."""

DETAILS: Mapping[str, str] = {
    "model_type": "Must be an object",
    "string_unicode": "Text must not contain half of a surrogate pair",
}
OTHER_DETAIL = "Is not allowed here"


class _RepeatedMember(ValueError):
    """An object has a member twice, and which of them counts would be a guess (RFC 8259, section 4)."""


def parse_json[Body: BaseModel](body: bytes, model: type[Body], context: Mapping[str, str] | None = None) -> Body:
    """The body as `model`. Raises a problem: 400 for what is no JSON or has a member twice, 422 for a broken rule.

    A sound body is parsed once, unless its text has a colon as an escape.
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
    """Told by the colons: pydantic keeps the last of two members, so the other has one that nothing accounts for.

    False does not mean that one is there twice: `\\u003a` in a text is a colon too.
    """
    unexplained = body.count(b":") - len(parsed.model_fields_set)
    if unexplained == 0:
        return True
    in_texts = sum(value.count(":") for value in vars(parsed).values() if isinstance(value, str))
    return unexplained == in_texts and b"\\u003" not in body


def _parse_again[Body: BaseModel](body: bytes, model: type[Body], context: Mapping[str, str] | None) -> Body:
    """Tells JSON that breaks a rule (422) from what is no JSON (400).

    pydantic's parser takes a lone surrogate for a syntax error and takes NaN for a number; by RFC 8259 the first is
    JSON and the second is not. So the standard library, which can be told both, decides; only faulty bodies come here.
    """
    value = _load(body)
    try:
        return model.model_validate(value, context=context)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)[:MAX_FAULTS]
    told = [{"pointer": _pointer(fault["loc"]), "detail": detail_of(fault["type"], fault["msg"])} for fault in faults]
    raise Problem(INVALID_TASK, "See errors for each fault of the body.", errors=told)


def _load(body: bytes) -> Any:
    """The JSON value. Numbers are floats, which have no limit of digits; no member that we know is a number."""
    try:
        return json.loads(
            body.decode(), parse_constant=_refuse_constant, parse_int=float, object_pairs_hook=_members_once
        )
    except _RepeatedMember as error:
        raise Problem(MALFORMED_BODY, f"An object has the member {error} twice.") from None
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


def detail_of(kind: str, words: str) -> str:
    """What a client is told of a fault of this kind, for which pydantic has these words."""
    if kind in OWN_WORDS or kind in PLAIN_WORDS:
        return words
    return DETAILS.get(kind, OTHER_DETAIL)


def _pointer(place: tuple[int | str, ...]) -> str:
    """A JSON pointer (RFC 6901) in the form of RFC 9457's example."""
    return "#" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in place)

"""The conditions of a request (RFC 9110, section 13): If-Match and If-None-Match (ADR 19).

Tasks have no dates of modification, so If-Modified-Since and If-Unmodified-Since are ignored (13.1.3, 13.1.4).
"""

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

from common.contracts.commands import Precondition
from common.http.problems import INVALID_PRECONDITION, Problem
from fastapi import Depends, Header
from pydantic import WithJsonSchema

from gateway.entity_tags import LIST_PATTERN, entity_tag, read_tags

IF_MATCH, IF_NONE_MATCH = HEADERS = ("If-Match", "If-None-Match")

_SHOWN = entity_tag(1764115200000000)
_SCHEMA = WithJsonSchema({"type": "string", "pattern": rf"^(?:\*|{LIST_PATTERN})$", "examples": [_SHOWN]})

type Tags = Sequence[int] | Literal["*"]
"""The revisions of the entity tags in a header; `*` stands for any."""

IfMatch = Annotated[
    list[str] | None,
    Header(alias=IF_MATCH, description="Entity tags, or `*`: 412 unless the current one is among them"),
    _SCHEMA,
]
IfNoneMatch = Annotated[
    list[str] | None,
    Header(
        alias=IF_NONE_MATCH,
        description="Entity tags, or `*`: if the current one is among them, a read is 304 and a write is 412",
    ),
    _SCHEMA,
]


class ReadCondition(NamedTuple):
    """The condition of a read; a header that the request does not have is None."""

    if_match: Tags | None
    if_none_match: Tags | None

    def fails_at(self, revision: int) -> bool:
        """Whether If-Match does not hold: 412."""
        return self.if_match is not None and not _matches(self.if_match, revision)

    def knows(self, revision: int) -> bool:
        """Whether If-None-Match does not hold: 304."""
        return self.if_none_match is not None and _matches(self.if_none_match, revision)


def read_condition(if_match: IfMatch = None, if_none_match: IfNoneMatch = None) -> ReadCondition | None:
    """The condition of a read, None when there is none. Raises a 400 problem for a malformed header."""
    if if_match is None and if_none_match is None:
        return None
    return ReadCondition(_tags(IF_MATCH, if_match), _tags(IF_NONE_MATCH, if_none_match))


def known_revision(condition: ReadCondition | None) -> int | None:
    """The one revision at which the client needs no body; None when there is none, or more to compare."""
    if condition is None or condition.if_match is not None:
        return None
    match condition.if_none_match:
        case [int(revision)]:
            return revision
        case _:
            return None


def write_precondition(if_match: IfMatch = None, if_none_match: IfNoneMatch = None) -> Precondition | None:
    """What the task-writer has to compare, None when that is nothing. Raises a 400 problem for a malformed header.

    A write needs its task anyway, which is 404 otherwise. So `If-Match: *` asks for nothing more, and
    `If-None-Match: *` never holds.
    """
    if if_match is None and if_none_match is None:
        return None
    wanted, unwanted = _tags(IF_MATCH, if_match), _tags(IF_NONE_MATCH, if_none_match)
    if unwanted == "*":
        return Precondition(if_match=[])
    precondition = Precondition(
        if_match=None if wanted is None or wanted == "*" else [*wanted], if_none_match=[*unwanted] if unwanted else None
    )
    return None if precondition == Precondition() else precondition


Condition = Annotated[ReadCondition | None, Depends(read_condition)]
WritePrecondition = Annotated[Precondition | None, Depends(write_precondition)]


def _matches(tags: Tags, revision: int) -> bool:
    return tags == "*" or revision in tags


def _tags(header: str, values: list[str] | None) -> Tags | None:
    """The tags of all lines of a header. Raises a 400 problem when they are not a list."""
    if values is None:
        return None
    value = ", ".join(values).strip(" \t")
    if value == "*":
        return "*"
    tags = read_tags(value)
    if tags is None:
        raise Problem(INVALID_PRECONDITION, f"{header} must be * or a list of entity tags in quotes, such as {_SHOWN}.")
    return tags

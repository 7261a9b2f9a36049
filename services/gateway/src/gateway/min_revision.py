"""The Min-Revision header: a read that names a revision is never answered with anything older (ADR 26)."""

import re
from typing import Annotated

from common.contracts.reads import MIN_REVISION_HEADER
from common.http.problems import INVALID_MIN_REVISION, Problem
from fastapi import Depends, Header
from pydantic import WithJsonSchema

from gateway.entity_tags import MAX_REVISION, entity_tag

REVISION_HEADER = "Revision"
"""Of an answer to a write that has no entity tag: the revision after it."""

_NUMBER = "(?:0|[1-9][0-9]{0,18})"
_TAG_OR_NUMBER = '(?:W/)?"(?:[0-9]+-)?{0}"|{0}'
_REVISION = re.compile(_TAG_OR_NUMBER.format(_NUMBER))
PATTERN = _TAG_OR_NUMBER.format("(?:0|[1-9][0-9]{0,17}|[1-8][0-9]{18})")
"""As documented: what is over MAX_REVISION does not fit it, nor do the last 2 % below, which no clock reaches."""
_LAST_NUMBER = re.compile(r"[0-9]+(?=\"?$)")
_SHOWN = 1764115200000000

MinRevisionHeader = Annotated[
    list[str] | None,
    Header(
        alias=MIN_REVISION_HEADER,
        description="A revision that the answer must include: the `ETag` of an earlier answer as it is, a `Revision`,"
        " or the `revision` of changes. 503 when no server has it in time",
    ),
    WithJsonSchema({"type": "string", "pattern": f"^(?:{PATTERN})$", "examples": [entity_tag(_SHOWN)]}),
]


def read_min_revision(values: MinRevisionHeader = None) -> int | None:
    """The revision that a read must have reached, None when any will do. Raises a 400 problem for a bad header.

    The shape in an entity tag does not matter: the revision is the same in all.
    """
    if not values:
        return None
    if len(values) > 1:
        raise Problem(INVALID_MIN_REVISION, f"Send {MIN_REVISION_HEADER} once.")
    text = values[0].strip(" \t")
    number = _LAST_NUMBER.search(text) if _REVISION.fullmatch(text) else None
    if number is None or (revision := int(number[0])) > MAX_REVISION:
        raise Problem(
            INVALID_MIN_REVISION,
            f"{MIN_REVISION_HEADER} must be one entity tag of ours, such as {entity_tag(_SHOWN)}, or a whole number"
            f" from 0 to {MAX_REVISION}.",
        )
    return revision


MinRevision = Annotated[int | None, Depends(read_min_revision)]

"""The entity tags of tasks and lists (RFC 9110, section 8.8.3): the shape of the JSON, and the revision of the rows."""

import re

SHAPE = "1"
"""A part of every tag. It must change when the JSON of a task does: else clients keep old bodies after a release."""

MAX_REVISION = 2**63 - 1  # a bigint

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
LIST_PATTERN = rf"[ \t,]*(?:{_TAG}[ \t]*(?:,[ \t,]*|$))*"  # which ECMA-262 and Python read alike
_LIST = re.compile(LIST_PATTERN)
_OURS = re.compile(rf'(?:W/)?"{SHAPE}-(0|[1-9][0-9]{{0,18}})"')


def entity_tag(revision: int | str) -> str:
    """The strong tag of a task or a list at this revision."""
    return f'"{SHAPE}-{revision}"'


def read_tags(value: str) -> list[int] | None:
    """The revisions of the tags in a list, each once, or None when the value is not a list of entity tags.

    A tag of another shape or another server matches nothing here, and is left out. A weak tag counts as the strong
    one: a proxy that compresses an answer weakens its tag, but not what it says.
    """
    if not _LIST.fullmatch(value):
        return None
    revisions = dict.fromkeys(map(int, _OURS.findall(value)))  # a quote in a list is the begin or the end of a tag
    return [revision for revision in revisions if revision <= MAX_REVISION]

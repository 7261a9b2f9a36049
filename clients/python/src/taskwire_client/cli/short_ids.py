"""Ids as people write them: a few characters of its end, or of its beginning, where they name one task.

An id begins with the time of its creation (UUID version 7), so tasks of one minute differ only in the rest: tables show
the end.
"""

import re
from collections.abc import Sequence
from uuid import UUID

from taskwire_client.cli.failures import NO_TASK, WRONG_USE, Failure
from taskwire_client.client import Client

_SHOWN = 8
_NAMED = 3  # of those that may be meant
_PART = re.compile(r"[0-9a-f-]{1,36}", re.IGNORECASE)


def short(task_id: UUID) -> str:
    """The end of the id, as tables show it."""
    return str(task_id)[-_SHOWN:]


def resolve(client: Client, given: Sequence[str]) -> list[UUID]:
    """The full ids, in the same order. Reads all tasks unless each id is a full one.

    Failure where one is the end or the beginning of no id, or of several.
    """
    full = [_full(text) for text in given]
    known = [] if all(full) else [task.id for task in client.tasks(page_size=1000)]
    return [task_id or _only_one(text, known) for text, task_id in zip(given, full, strict=True)]


def _full(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _only_one(part: str, known: Sequence[UUID]) -> UUID:
    if not _PART.fullmatch(part):
        raise Failure(f"{part!r} is no id: it has the digits 0-9 and a-f.", WRONG_USE)
    found = [task_id for task_id in known if _has(str(task_id), part.lower())]
    if not found:
        raise Failure(f"There is no task whose id begins or ends with {part}.", NO_TASK)
    if len(found) > 1:
        some, more = ", ".join(map(str, found[:_NAMED])), ", …" if len(found) > _NAMED else ""
        raise Failure(f"{len(found):,} tasks have an id that begins or ends with {part}: {some}{more}", NO_TASK)
    return found[0]


def _has(task_id: str, part: str) -> bool:
    return task_id.startswith(part) or task_id.endswith(part)

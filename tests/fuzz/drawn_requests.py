"""What the machine draws, and the forms in which a request is sent: an HTTP request, or a command on the bus."""

import time
from typing import Any, cast
from uuid import UUID, uuid4

from common.contracts.commands import AnyCommand, CreateTask, DeleteTask, PatchTask, ReplaceTask, ToggleTask
from common.contracts.fields import TaskChanges
from common.contracts.invisible import is_blank
from hypothesis import strategies as st

from tests.contract.tasks import COMPLETE, CREATE, DELETE, PATCH, REPLACE, Operation

from .model import DrawnRequest, Verb

KEPT_FOR_S = 600  # longer than a run of the machine: no command of it expires

storable = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
titles = st.one_of(
    st.text(storable, min_size=1, max_size=8).filter(lambda text: not is_blank(text)), st.just("\U0001f95b" * 255)
)
descriptions = st.one_of(st.none(), st.text(storable, max_size=8), st.just("\u0301" * 2_000))
completions = st.sampled_from([None, True, False])
keys = st.sampled_from(["a", "8e03978e-40d5-43dd-bc93-6894a57f9324", r"!#$%&'()*+,-./:;<=>?@[\]^_`{|}~", "k" * 255])

ORDERS = ["created_at", "-created_at", "title", "-title"]
searches = st.one_of(
    st.none(), st.sampled_from(["e", "FIRST", "%", "_", "\\"]), st.text(storable, min_size=1, max_size=2)
)
BAD_QUERIES = [
    "limit=0",
    "limit=1&limit=1",
    "order=id",
    "is_completed=1",
    "created_after=2026",
    "q=",
    "cursor=AAAA",
    "a=1",
]

changed = st.frozensets(st.sampled_from(["title", "description", "is_completed"]))

OPERATIONS: dict[Verb, Operation] = {
    "create": CREATE,
    "replace": REPLACE,
    "patch": PATCH,
    "toggle": COMPLETE,
    "delete": DELETE,
}

# Some are what Python's UUID() or PostgreSQL's uuid type would let through.
BAD_IDS = [
    "me",
    "0b5e7a1c93d44c7e8f215a6b7c8d9e0f",
    "0b5e7a1c-93d4-4c7e-8f21-5a6b7c8d9e0",
    "%7B%7D",
    "%FF",
    "%00",
    "-1",
]
BAD_KEYS = ["", '""', '"', 'a"', '"a', "a b", '"a b"', "k" * 256, "caf\u00e9", '"a";b=1']
NO_TASKS: list[tuple[bytes, int]] = [
    (b"", 400),
    (b"{", 400),
    (b'{"title": "a', 400),
    (b'{"title": "\xff"}', 400),
    (b'{"title": NaN}', 400),
    (b'{"title": "a", "titl\\u0065": "a"}', 400),
    (b"null", 422),
    (b"[]", 422),
    (b'"a"', 422),
    (b"{}", 422),
    (b'{"title": null}', 422),
    (b'{"title": 1}', 422),
    (b'{"title": ""}', 422),
    (b'{"title": " \\t\\u00a0"}', 422),
    (b'{"title": "\\u200b\\ufeff"}', 422),
    (b'{"title": ' + b"9" * 5_000 + b"}", 422),
    (b'{"title": "a\\u0000"}', 422),
    (b'{"title": "\\ud800"}', 422),
    (b'{"title": "a", "colour": "red"}', 422),
    (b'{"title": "a", "id": "0b5e7a1c-93d4-4c7e-8f21-5a6b7c8d9e0f"}', 422),
    (b'{"title": "a", "description": 1}', 422),
    (b'{"title": "a", "is_completed": null}', 422),
    (b'{"title": "a", "is_completed": "true"}', 422),
    (b'{"title": "' + b"a" * 256 + b'"}', 422),
    (b'{"title": "a", "description": "' + b"a" * 2_001 + b'"}', 422),
]
NO_PATCHES = [one for one in NO_TASKS if one[0] != b"{}"]
NO_COMPLETIONS: list[tuple[bytes, int]] = [
    (b"{", 400),
    (b"\xff", 400),
    (b"null", 422),
    (b"true", 422),
    (b'{"is_completed": null}', 422),
    (b'{"is_completed": 1}', 422),
    (b'{"is_completed": true, "title": "a"}', 422),
]


def body_of(asked: DrawnRequest, *, spelled_out: bool) -> dict[str, Any] | None:
    """The request as a body; what is at its default stands there when `spelled_out`. None for no body at all."""
    if asked.verb == "delete":
        return None
    if asked.verb == "toggle":
        return {"is_completed": asked.is_completed} if asked.is_completed is not None else {} if spelled_out else None
    if asked.verb == "patch":
        return asked.changes
    return {name: value for name, value in asked.fields.items() if spelled_out or value not in (None, False)}


def operation_of(asked: DrawnRequest, *, spelled_out: bool) -> dict[str, Any]:
    """The request as an operation of a batch."""
    op = "complete" if asked.verb == "toggle" else asked.verb
    task = {} if asked.verb == "create" else {"id": asked.task_id}
    return {"op": op, **task, **(body_of(asked, spelled_out=spelled_out) or {})}


def command_of(asked: DrawnRequest) -> AnyCommand:
    """The request as the gateway would put it on the bus."""
    task_id = UUID(asked.task_id) if asked.task_id else uuid4()
    envelope: dict[str, Any] = {
        "command_id": uuid4(),
        "user_id": UUID(asked.user_id),
        "deadline_unix_ms": int((time.time() + KEPT_FOR_S) * 1000),
        "task_id": task_id,
    }
    match asked.verb:
        case "create":
            return CreateTask(**envelope, **asked.fields)
        case "replace":
            return ReplaceTask(**envelope, **asked.fields)
        case "patch":
            return PatchTask(**envelope, changes=cast("TaskChanges", asked.changes))
        case "toggle":
            return ToggleTask(**envelope, is_completed=asked.is_completed)
        case "delete":
            return DeleteTask(**envelope)

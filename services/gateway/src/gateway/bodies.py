"""The JSON bodies of writes. Header fields are checked before the body is read."""

import asyncio
import re
from collections.abc import Mapping
from typing import Annotated, cast

from common.contracts.fields import TaskChanges, TaskFields, Title
from common.http.paths import uuid_text
from common.http.problems import NOT_JSON, Problem
from common.http.request_body import BodyHead, LargeBodies, read_body, read_body_head
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError
from starlette.requests import Request

from gateway.commands import TaskValues
from gateway.json_faults import parse_json

MAX_BODY_BYTES = 64 * 1024

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"  # RFC 7396

_TOKEN = rb"[!#$%&'*+.^_`|~0-9a-z-]+"
_PARAMETER = rb"%b=(?:%b|\"(?:[^\"\\]|\\.)*\")" % (_TOKEN, _TOKEN)
_MEDIA_TYPE = re.compile(rb"(%b/%b)((?:[ \t]*;[ \t]*(?:%b)?)*)" % (_TOKEN, _TOKEN, _PARAMETER), re.IGNORECASE)
_OTHER_CHARSET = re.compile(rb"[; \t]charset=(?!\"?utf-?8\"?(?:[; \t]|$))", re.IGNORECASE)


TASK_FIELDS = tuple(TaskFields.model_fields)  # looked for once: at each access it takes 0.5 µs

NON_STRING_TYPES = ("null", "boolean", "number", "array", "object")


class TaskBody(TaskFields):
    """The task fields that the user sets."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, json_schema_extra={"example": {"title": "Buy milk"}}
    )

    def task_fields(self) -> TaskValues:
        """The fields that a command carries, without those that a replacement may echo."""
        return cast("TaskValues", {name: getattr(self, name) for name in TASK_FIELDS})


def _same_as_in_path(value: str, info: ValidationInfo) -> str:
    if info.context is None or uuid_text(value) != info.context[info.field_name]:
        raise PydanticCustomError("another_id", "Must be the id in the path")
    return value


def with_echo(schema: JsonDict) -> None:
    """Describes the echoed fields as patterns: a generated client then offers only what can be changed, but may send
    back a whole task."""
    properties = schema["properties"]
    assert isinstance(properties, dict)  # noqa: S101 - pydantic writes an object
    names = [name for name in ("id", "user_id", "created_at") if "default" in cast("JsonDict", properties[name])]
    echoed = {name: cast("JsonDict", properties.pop(name)) for name in names}
    for described in echoed.values():
        del described["default"]
    # A string, described without `type`: otherwise generated TypeScript gets a string index, which is_completed
    # violates.
    echoed["created_at"] = {"description": "Ignored", "not": {"type": [*NON_STRING_TYPES]}}
    schema["patternProperties"] = {f"^{name}$": described for name, described in echoed.items()}
    schema["example"] = {"title": "Buy milk"}


class ReplacementBody(TaskBody):
    """A task's new title, description and completion. It may be the task as an answer showed it, changed or not: its
    id and user_id must then be those of the path, and created_at is ignored."""

    model_config = ConfigDict(json_schema_extra=with_echo)

    id: Annotated[str, AfterValidator(_same_as_in_path)] = Field(
        "", description="That of the path", json_schema_extra={"format": "uuid"}
    )
    user_id: Annotated[str, AfterValidator(_same_as_in_path)] = Field(
        "", description="That of the path", json_schema_extra={"format": "uuid"}
    )
    created_at: str = Field("", description="Ignored")


def as_patch(schema: JsonDict) -> None:
    """Like a replacement, but a missing field stays as it is: it has no default."""
    with_echo(schema)
    properties = schema["properties"]
    assert isinstance(properties, dict)  # noqa: S101 - pydantic writes an object
    for described in properties.values():
        cast("JsonDict", described).pop("default", None)
    schema["example"] = {"title": "Buy bread", "description": None}


class PatchBody(ReplacementBody):
    """The fields to change (RFC 7396); those that are left out stay. Null clears the description; title and completion
    cannot be cleared. Like a replacement, it may have what an answer showed of the task."""

    model_config = ConfigDict(json_schema_extra=as_patch)

    title: Title = Field("", examples=["Buy bread"])

    def changes(self) -> TaskChanges:
        """The fields that are there, null included."""
        there = {name: getattr(self, name) for name in TASK_FIELDS if name in self.model_fields_set}
        return cast("TaskChanges", there)


def without_default(schema: JsonDict) -> None:
    """A missing field means flip, not the default."""
    del schema["default"]


class CompletionBody(BaseModel):
    """The completion to set. Without the field, the completion is flipped."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, json_schema_extra={"example": {"is_completed": True}}
    )

    is_completed: bool = Field(False, json_schema_extra=without_default)

    def wanted(self) -> bool | None:
        """The completion to set; None to flip it."""
        return self.is_completed if "is_completed" in self.model_fields_set else None


async def read_json[Body: BaseModel](
    request: Request, model: type[Body], ids: Mapping[str, str] | None = None, *, media_type: str = JSON
) -> Body:
    """The request's body as `model`; `ids` are those of the path, by the names that a ReplacementBody has for them.

    Raises a problem: 413 or 415 before the body is read; then 400, 408, 413 or 422.
    """
    head = read_body_head(request.scope["headers"])
    if head.has_length or head.is_chunked or head.media_type is not None:
        _require(media_type, head, request)
    body = await _read(request, head)
    if body:
        _require(media_type, head, request)
    return parse_json(body, model, ids)


async def read_large_json[Body: BaseModel](
    request: Request, model: type[Body], ids: Mapping[str, str], large: LargeBodies
) -> Body:
    """Like read_json, but also for bodies beyond MAX_BODY_BYTES. Those are parsed one at a time and beside the event
    loop, because one that breaks a rule may take 0.2 s. Raises a 503 problem when too many are being read."""
    head = read_body_head(request.scope["headers"])
    if head.has_length or head.is_chunked or head.media_type is not None:
        _require(JSON, head, request)
    head.require_size(large.max_bytes)
    async with large.body_of(request) as body:
        if body:
            _require(JSON, head, request)
        if len(body) <= MAX_BODY_BYTES:
            return parse_json(body, model, ids)
        async with large.parsing:
            return await asyncio.to_thread(parse_json, body, model, ids)


async def read_optional_json[Body: BaseModel](
    request: Request, model: type[Body], *, media_type: str = JSON
) -> Body | None:
    """Like read_json, but None when there is no body, whatever the media type."""
    head = read_body_head(request.scope["headers"])
    if head.has_length or (head.is_chunked and head.media_type is not None):
        _require(media_type, head, request)
    body = await _read(request, head)
    if not body:
        return None
    _require(media_type, head, request)
    return parse_json(body, model)


async def _read(request: Request, head: BodyHead) -> bytes:
    """The whole body, MAX_BODY_BYTES at most. Raises a problem before reading when the head already decides it.

    The server limits the time (common/http_server/protocol.py).
    """
    head.require_size(MAX_BODY_BYTES)
    return await read_body(request, max_bytes=MAX_BODY_BYTES)


async def read_unused_body(request: Request) -> None:
    """Reads a body that means nothing to the operation: a request that breaks off or is malformed has no effect.

    Raises a problem: 413 or 415 before the body is read; then 400, 408 or 413.
    """
    await _read(request, read_body_head(request.scope["headers"]))


def _require(media_type: str, head: BodyHead, request: Request) -> None:
    """Raises a 415 problem for all but this media type, once, in UTF-8.

    A merge patch (RFC 7396) and plain JSON mean different things with the same bytes, so neither is taken for the
    other. The answer to a PATCH names the media type in Accept-Patch, too (RFC 5789, section 2.2).
    """
    sent = head.media_type or b""
    if sent == media_type.encode():  # the usual value
        return
    found = _MEDIA_TYPE.fullmatch(sent.strip(b" \t"))
    accepted = {"Accept": media_type} | ({"Accept-Patch": media_type} if request.method == "PATCH" else {})
    if found is None or found[1].lower() != media_type.encode():
        detail = f"Send the body as JSON, with one header Content-Type: {media_type}."
        raise Problem(NOT_JSON, detail, headers=accepted)
    if _OTHER_CHARSET.search(found[2]):
        raise Problem(NOT_JSON, "Send the body in UTF-8 (RFC 8259, section 8.1).", headers=accepted)

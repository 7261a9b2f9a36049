"""The JSON bodies of writes: read with bounds, and checked by the rules of the contract."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from common.bodies import read_body
from common.contracts import Description, Title
from common.problems import (
    INVALID_TASK,
    MALFORMED_BODY,
    NOT_JSON,
    SLOW_BODY,
    Problem,
)
from common.time_limits import time_limit
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.config import JsonDict
from starlette.requests import Request

MAX_BODY_BYTES = 64 * 1024
MAX_FAULTS = 20  # told in one answer


class TaskBody(BaseModel):
    """The part of a task that its user decides."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, json_schema_extra={"example": {"title": "Buy milk"}}
    )

    title: Title
    description: Description | None = None
    is_completed: bool = False


def _without_default(schema: JsonDict) -> None:
    """To leave the field out means to flip, not to set the default."""
    del schema["default"]


class CompletionBody(BaseModel):
    """What PATCH may say: the completion to set. Without the field, the completion is flipped."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, json_schema_extra={"example": {"is_completed": True}}
    )

    is_completed: bool = Field(False, json_schema_extra=_without_default)


async def read_json[Body: BaseModel](request: Request, model: type[Body], *, timeout_s: float) -> Body:
    """The request's body as `model`. Raises a problem: 400, 408, 413, 415 or 422."""
    body = await _read(request, timeout_s)
    if body or "content-type" in request.headers:
        _require_json(request)
    return _parse(body, model)


async def read_optional_json[Body: BaseModel](request: Request, model: type[Body], *, timeout_s: float) -> Body | None:
    """As read_json, but None when there is no body."""
    body = await _read(request, timeout_s)
    if not body:
        return None
    _require_json(request)
    return _parse(body, model)


async def _read(request: Request, timeout_s: float) -> bytes:
    """The whole body, MAX_BODY_BYTES at most."""
    try:
        with time_limit(timeout_s):
            return await read_body(request, max_bytes=MAX_BODY_BYTES)
    except TimeoutError:
        raise Problem(SLOW_BODY, f"The body must arrive within {timeout_s:g} seconds.") from None


def _require_json(request: Request) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        raise Problem(NOT_JSON, "Send the body as JSON, with the header Content-Type: application/json.")


def _parse[Body: BaseModel](body: bytes, model: type[Body]) -> Body:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        _explain(body, model, error)


def _explain(body: bytes, model: type[BaseModel], error: ValidationError) -> NoReturn:
    """Tells JSON that breaks a rule (422) from what is no JSON (400).

    pydantic's parser takes a lone surrogate for a syntax error and takes NaN for a number; by RFC 8259 the first is
    JSON and the second is not. So the standard library, which can be told both, decides; only faulty bodies come here.
    """
    try:
        value = json.loads(body.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Problem(MALFORMED_BODY, "The body must be a JSON document in UTF-8.") from None
    try:
        model.model_validate(value)
    except ValidationError as clearer:
        error = clearer
    faults = [_fault(fault) for fault in error.errors(include_url=False, include_input=False, include_context=False)]
    faults = faults[:MAX_FAULTS]
    raise Problem(INVALID_TASK, "See errors for each fault of the body.", errors=faults) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _fault(fault: Mapping[str, Any]) -> dict[str, str]:
    """One fault as RFC 9457 shows it: a JSON pointer (RFC 6901) to the place, and what is wrong there."""
    pointer = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in fault["loc"])
    return {"pointer": f"#{pointer}", "detail": fault["msg"]}

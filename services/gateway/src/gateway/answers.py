"""Response models for the OpenAPI document; PostgreSQL and common/http/problems.py write the actual JSON."""

from datetime import datetime
from uuid import UUID

from common.contracts.fields import TaskFields
from pydantic import BaseModel, ConfigDict, Field

CREATED_AT_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}\+00:00$"
"""A fixed format: times sort as text, and simple parsers can read them."""

TASK_EXAMPLE = {
    "id": "b0f2e817-358d-4049-a335-6464f1071bec",
    **{name: (field.examples or [])[0] for name, field in TaskFields.model_fields.items()},
    "created_at": "2026-11-23T01:43:50.378975+00:00",
    "user_id": "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11",
}


class Task(TaskFields):
    """A task as every answer shows it; exactly these keys."""

    model_config = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=True)

    id: UUID
    created_at: datetime = Field(
        description="RFC 3339, in UTC, always with microseconds",
        json_schema_extra={"pattern": CREATED_AT_PATTERN, "example": "2026-11-23T01:43:50.378970+00:00"},
    )
    user_id: UUID


CHANGES_EXAMPLE = {
    "revision": 1764115200000000,
    "changed": [TASK_EXAMPLE],
    "deleted": ["c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33"],
}


class Changes(BaseModel):
    """What has changed since a revision; exactly these keys."""

    model_config = ConfigDict(extra="forbid")

    revision: int = Field(ge=0, description="The revision reached: the next request's `since`")
    changed: list[Task] = Field(description="The tasks that were created or changed, as they are now, newest first")
    deleted: list[UUID] = Field(description="The ids of those that were deleted; some you may never have seen")


class Fault(BaseModel):
    """One error in a body."""

    pointer: str = Field(description="JSON pointer (RFC 6901) to the invalid value in the body")
    detail: str


class ProblemDetails(BaseModel):
    """An error, as RFC 9457 describes it."""

    type: str = Field(description="URN that names the kind of error")
    title: str
    status: int
    detail: str
    errors: list[Fault] | None = Field(None, description="the errors in the body, with 422")

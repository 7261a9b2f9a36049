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

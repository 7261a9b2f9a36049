"""The base of all messages between the services.

The wire format is JSON. A reader ignores fields it does not know, so a field may be added; it is never renamed or
retyped. A breaking change is a new `type`.
"""

from pydantic import BaseModel, ConfigDict, Field


def is_absent(value: object) -> bool:
    """For `exclude_if`: a field that is None is not written."""
    return value is None


class Message(BaseModel):
    """Immutable; unknown fields are ignored, so that services may be one release apart."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Operation(Message):
    """One command or read of a client. `request_id` is for logs, `traceparent` for tracing
    (https://www.w3.org/TR/trace-context/). Both are metadata, and left out when absent."""

    request_id: str | None = Field(default=None, exclude_if=is_absent)
    traceparent: str | None = Field(default=None, exclude_if=is_absent)

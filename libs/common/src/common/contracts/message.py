"""What all messages between the services have in common.

The wire format is JSON. A reader ignores fields it does not know, so a field may be added; it is never renamed or
retyped. A breaking change is a new `type`.
"""

from pydantic import BaseModel, ConfigDict, Field


def _is_absent(value: object) -> bool:
    return value is None


class Message(BaseModel):
    """Frozen data on the bus; unknown fields are ignored so that releases can differ by one."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Operation(Message):
    """What one request of a client asks for. `request_id` is that request's name, for logs, and `traceparent` its place
    in a trace (https://www.w3.org/TR/trace-context/): no part of the wish, and left out where there is none."""

    request_id: str | None = Field(default=None, exclude_if=_is_absent)
    traceparent: str | None = Field(default=None, exclude_if=_is_absent)

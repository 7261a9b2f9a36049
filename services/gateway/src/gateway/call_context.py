"""Dependencies of the path operations: the lanes, and the context that is sent to the other services."""

import time
from typing import Annotated, NamedTuple, TypedDict
from uuid import UUID, uuid4

from common.http.request_state import state_of
from fastapi import Depends, Request

from gateway.command_lane import CommandLane
from gateway.idempotency import Key, derive_command_id
from gateway.ids import UserId
from gateway.read_lanes import ReadLanes


class RequestContext(TypedDict):
    """The request id and trace context."""

    request_id: str
    traceparent: str | None


class Envelope(RequestContext):
    """The fields that all commands share."""

    command_id: UUID
    user_id: UUID
    deadline_unix_ms: int
    keyed: bool


class Call(NamedTuple):
    """A write request without its body."""

    user_id: UUID
    key: str | None
    request_fields: RequestContext
    write_deadline_s: float

    def envelope(self) -> Envelope:
        """The common fields of this request's command. The deadline starts now, after the body was read."""
        return {
            "command_id": uuid4() if self.key is None else derive_command_id(self.user_id, self.key),
            "user_id": self.user_id,
            "deadline_unix_ms": int((time.time() + self.write_deadline_s) * 1000),
            "keyed": self.key is not None,
            **self.request_fields,
        }


def request_context(request: Request) -> RequestContext:
    """The fields that all operations share."""
    state = state_of(request.scope)
    return {"request_id": state.request_id, "traceparent": state.traceparent}


def call_of(user_id: UserId, key: Key, request: Request) -> Call:
    """The context of a write."""
    return Call(user_id, key, request_context(request), request.app.state.settings.write_deadline_s)


def read_lanes(request: Request) -> ReadLanes:
    """The app's read lanes."""
    lanes: ReadLanes = request.app.state.reads
    return lanes


def command_lane(request: Request) -> CommandLane:
    """The app's command lane."""
    lane: CommandLane = request.app.state.commands
    return lane


ReadContext = Annotated[RequestContext, Depends(request_context)]
CallContext = Annotated[Call, Depends(call_of)]
Lanes = Annotated[ReadLanes, Depends(read_lanes)]
Commands = Annotated[CommandLane, Depends(command_lane)]

"""What a path operation needs beside its own parameters: the lanes, and what goes with it to the other services."""

import time
from typing import Annotated, NamedTuple, TypedDict
from uuid import UUID, uuid4

from common.http.request_state import state_of
from fastapi import Depends, Request

from gateway.command_lane import CommandLane
from gateway.idempotency import Key, derive_command_id
from gateway.ids import UserId
from gateway.read_lanes import ReadLanes


class Names(TypedDict):
    """The request's name for logs, and its place in a trace."""

    request_id: str
    traceparent: str | None


class Envelope(Names):
    """What every command carries beside its own fields."""

    command_id: UUID
    user_id: UUID
    deadline_unix_ms: int
    keyed: bool


class Call(NamedTuple):
    """A request for a write, as far as it is known before its body."""

    user_id: UUID
    key: str | None
    names: Names
    write_deadline_s: float

    def envelope(self) -> Envelope:
        """For the command of this request. Its deadline counts from now, when the body has been read."""
        return {
            "command_id": uuid4() if self.key is None else derive_command_id(self.user_id, self.key),
            "user_id": self.user_id,
            "deadline_unix_ms": int((time.time() + self.write_deadline_s) * 1000),
            "keyed": self.key is not None,
            **self.names,
        }


def names_of(request: Request) -> Names:
    """What a read carries beside its own fields."""
    state = state_of(request.scope)
    return {"request_id": state.request_id, "traceparent": state.traceparent}


def call_of(user_id: UserId, key: Key, request: Request) -> Call:
    """The context of a write."""
    return Call(user_id, key, names_of(request), request.app.state.settings.write_deadline_s)


def read_lanes(request: Request) -> ReadLanes:
    """Those that the app has opened."""
    lanes: ReadLanes = request.app.state.reads
    return lanes


def command_lane(request: Request) -> CommandLane:
    """That which the app has opened."""
    lane: CommandLane = request.app.state.commands
    return lane


ReadContext = Annotated[Names, Depends(names_of)]
CallContext = Annotated[Call, Depends(call_of)]
Lanes = Annotated[ReadLanes, Depends(read_lanes)]
Commands = Annotated[CommandLane, Depends(command_lane)]

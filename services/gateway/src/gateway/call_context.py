"""Dependencies of the path operations: the lanes, and the context that is sent to the other services."""

import time
from collections.abc import Iterator
from typing import Annotated, NamedTuple
from uuid import UUID

from common.contracts.commands import Precondition
from common.http.problems import INVALID_PRECONDITION, Problem
from common.http.request_state import state_of
from fastapi import Depends, Request

from gateway.batch_lane import BatchLane
from gateway.command_lane import CommandLane
from gateway.commands import Envelope
from gateway.idempotency import Key, derive_command_id, derive_item_id
from gateway.ids import UserId
from gateway.min_revision import MinRevision
from gateway.new_ids import new_id
from gateway.preconditions import Condition, ReadCondition, WritePrecondition, known_revision
from gateway.read_lanes import ReadLanes
from gateway.reading import ReadFields

_CONDITIONS = {b"if-match", b"if-none-match"}


class ReadCall(NamedTuple):
    """A read request, as far as all reads share it."""

    condition: ReadCondition | None
    fields: ReadFields


class Call(NamedTuple):
    """A write request without its body."""

    user_id: str
    key: str | None
    precondition: Precondition | None
    request_id: str
    traceparent: str | None
    write_deadline_s: float

    def envelope(self) -> Envelope:
        """The common fields of this request's command. The deadline starts now, after the body was read."""
        envelope: Envelope = {
            "command_id": new_id() if self.key is None else str(derive_command_id(UUID(self.user_id), self.key)),
            "user_id": self.user_id,
            "deadline_unix_ms": int((time.time() + self.write_deadline_s) * 1000),
            "request_id": self.request_id,
        }
        if self.key is not None:
            envelope["keyed"] = True
        if self.traceparent is not None:
            envelope["traceparent"] = self.traceparent
        if self.precondition is not None:
            envelope["precondition"] = self.precondition
        return envelope

    def envelopes(self, count: int) -> Iterator[Envelope]:
        """Those of `count` commands of this request, with one deadline."""
        first = self.envelope()
        yield first
        for place in range(1, count):
            item_id = new_id() if self.key is None else str(derive_item_id(UUID(first["command_id"]), place))
            yield {**first, "command_id": item_id}


def read_call_of(condition: Condition, min_revision: MinRevision, request: Request) -> ReadCall:
    """The context of a read."""
    fields = read_fields(min_revision, request)
    if (known := known_revision(condition)) is not None:
        fields["known_revision"] = known
    return ReadCall(condition, fields)


def read_fields(min_revision: int | None, request: Request) -> ReadFields:
    """The fields of a read without a condition."""
    state = state_of(request.scope)
    fields: ReadFields = {"request_id": state.request_id}
    if state.traceparent is not None:
        fields["traceparent"] = state.traceparent
    if min_revision is not None:
        fields["min_revision"] = min_revision
    return fields


def call_of(user_id: UserId, key: Key, precondition: WritePrecondition, request: Request) -> Call:
    """The context of a write."""
    state = state_of(request.scope)
    deadline_s = request.app.state.settings.write_deadline_s
    return Call(user_id, key, precondition, state.request_id, state.traceparent, deadline_s)


def batch_call_of(user_id: UserId, key: Key, request: Request) -> Call:
    """The context of a batch, whose operations have their own preconditions. Raises a 400 problem for one of all."""
    require_no_condition(request, "A batch has no entity tag: give its operations if_match instead.")
    return call_of(user_id, key, None, request)


def require_no_condition(request: Request, detail: str) -> None:
    """Raises a 400 problem for a condition on something that has no entity tag."""
    if any(name in _CONDITIONS for name, _ in request.scope["headers"]):
        raise Problem(INVALID_PRECONDITION, detail)


def read_lanes(request: Request) -> ReadLanes:
    """The app's read lanes."""
    lanes: ReadLanes = request.app.state.reads
    return lanes


def command_lane(request: Request) -> CommandLane:
    """The app's command lane."""
    lane: CommandLane = request.app.state.commands
    return lane


def batch_lane(request: Request) -> BatchLane:
    """The app's batch lane."""
    lane: BatchLane = request.app.state.batches
    return lane


ReadContext = Annotated[ReadCall, Depends(read_call_of)]
CallContext = Annotated[Call, Depends(call_of)]
Lanes = Annotated[ReadLanes, Depends(read_lanes)]
BatchContext = Annotated[Call, Depends(batch_call_of)]
Commands = Annotated[CommandLane, Depends(command_lane)]
Batches = Annotated[BatchLane, Depends(batch_lane)]

"""What changes of a user's tasks, as it happens: an event stream, for clients that keep a copy of them (ADR 24)."""

from typing import Annotated
from uuid import UUID

from common.http.problems import (
    INVALID_EVENT_ID,
    INVALID_MIN_REVISION,
    INVALID_PARAMETER,
    INVALID_PRECONDITION,
    OVERLOADED,
    REVISION_UNREACHED,
    TOO_MANY_STREAMS,
    Problem,
)
from common.http.request_state import state_of
from common.http_server.open_answer import STREAM
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import WithJsonSchema
from starlette.types import Receive, Scope, Send

from gateway.call_context import Lanes, read_fields, require_no_condition
from gateway.changes import ChangesQuery, all_changed, changes_since, not_yet, read_revision
from gateway.entity_tags import MAX_REVISION
from gateway.event_deltas import REVISION_ALONE
from gateway.event_format import changes_event, reset_event, retry
from gateway.event_hub import EventHub
from gateway.event_streams import EventStream
from gateway.ids import UserId
from gateway.min_revision import MinRevision
from gateway.parameters import require_known_parameters
from gateway.problem_responses import event_streams
from gateway.read_answers import ask
from gateway.read_lanes import ReadLanes
from gateway.reading import Read, ReadFields
from gateway.task_route import TaskRoute

EVENT_ID_HEADER = "Last-Event-ID"
EXAMPLE = (
    "retry: 3127\n\nevent: changes\nid: 1764115200000000\n"
    'data: {"revision": 1764115200000000, "changed": [], "deleted": ["c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33"]}\n\n'
)

PROBLEMS = (
    INVALID_PARAMETER,
    INVALID_EVENT_ID,
    INVALID_PRECONDITION,
    INVALID_MIN_REVISION,
    REVISION_UNREACHED,
    TOO_MANY_STREAMS,
    OVERLOADED,
)

LastEventId = Annotated[
    list[str] | None,
    Header(
        alias=EVENT_ID_HEADER,
        description="The `id` of the last event that was received, from which the stream goes on; instead of `since`",
    ),
    WithJsonSchema({"type": "string", "pattern": "^(0|[1-9][0-9]{0,18})$", "examples": ["1764115200000000"]}),
]


class EventStreamResponse(Response):
    """Headers, `first`, and then whatever is written to the stream. Without a stream, for HEAD, it is the headers."""

    media_type = "text/event-stream"

    def __init__(self, stream: EventStream | None = None, first: bytes = b"") -> None:
        self.status_code = 200
        self.background = None
        self.body = first
        self.raw_headers = [
            (b"content-type", b"text/event-stream"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
        ]
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        stream = self._stream
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": self.body, "more_body": stream is not None})
            if stream is not None:
                await send({"type": STREAM, "stream": stream})
        except BaseException:
            if stream is not None:
                stream.lost()
            raise


def last_event_id(values: LastEventId = None) -> int | None:
    """The revision in the header, None without one. Raises a 400 problem when it is repeated or none."""
    if values is None:
        return None
    if len(values) > 1:
        raise Problem(INVALID_EVENT_ID, f"Send {EVENT_ID_HEADER} once.")
    try:
        revision = read_revision(values[0].strip(" \t"))
    except ValueError:
        revision = MAX_REVISION + 1
    if revision > MAX_REVISION:
        allowed = f"the id of an event, a whole number from 0 to {MAX_REVISION}"
        raise Problem(INVALID_EVENT_ID, f"{EVENT_ID_HEADER} must be {allowed}.")
    return revision


def start_of(
    wanted: Annotated[ChangesQuery, Query()], last_id: Annotated[int | None, Depends(last_event_id)]
) -> int | None:
    """The revision that the client has: by the header, since a browser sends that with the address that it had."""
    return wanted.since if last_id is None else last_id


def first_read(min_revision: MinRevision, request: Request) -> ReadFields:
    """The context of the stream's first read. Raises a 400 problem for a condition."""
    require_no_condition(request, "An event stream has no entity tag: send Last-Event-ID or since instead.")
    return read_fields(min_revision, request)


def event_hub(request: Request) -> EventHub:
    """The app's event hub."""
    hub: EventHub = request.app.state.events
    return hub


events = APIRouter(
    prefix="/api/{user_id}/events",
    tags=["tasks"],
    route_class=TaskRoute,
    dependencies=[Depends(require_known_parameters)],
)


@events.get(
    "",
    status_code=200,
    response_class=EventStreamResponse,
    responses=event_streams(EXAMPLE, *PROBLEMS),
)
async def stream_events(
    user_id: UserId,
    since: Annotated[int | None, Depends(start_of)],
    fields: Annotated[ReadFields, Depends(first_read)],
    request: Request,
    lanes: Lanes,
) -> Response:
    """Get what changes, as it happens.

    An event `changes` has what `GET …/changes` answers as its `data`, and its revision as its `id`. The first one has
    all tasks or, after `Last-Event-ID` or `since`, what has changed since then, if anything has. An event `reset` says
    that this cannot be told: read all tasks with `GET …/changes`, without `since`, and go on with what follows.
    """
    if request.method == "HEAD":
        return EventStreamResponse()
    stream = event_hub(request).add(UUID(user_id), state_of(request.scope).valid_until)
    try:
        stream.revision, first = await _first_event(lanes, user_id, since, fields)
    except BaseException:
        stream.lost()
        raise
    return EventStreamResponse(stream, retry() + first)


async def _first_event(lanes: ReadLanes, user_id: str, since: int | None, fields: ReadFields) -> tuple[int, bytes]:
    """The revision that the stream begins at, and the event that brings the client there, if it needs one. Raises the
    problems of reads."""
    if since is None:
        every = all_changed(await ask(lanes.lists, Read(user_id=user_id, task_id=None, **fields)))
        revision, body = every.revision, every.body
    else:
        told = await changes_since(since, user_id, {**fields, "known_revision": since}, lanes)
        if told is None:
            page = await ask(lanes.pages, Read(user_id=user_id, task_id=None, page=REVISION_ALONE, **fields))
            if page is None or page.revision is None:
                raise not_yet()
            return page.revision, reset_event(page.revision)
        revision, body = told
    if revision is None:
        raise not_yet()
    return revision, b"" if body is None else changes_event(revision, body)

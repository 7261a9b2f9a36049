"""The reads that gateways send to the task-readers."""

import re
from datetime import UTC, datetime
from operator import not_
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints, model_validator

from common.contracts.fields import STORABLE_PATTERN, TITLE_MAX_CHARACTERS, require_storable
from common.contracts.message import Message, Operation, is_absent
from common.http.request_ids import MAX_CHARACTERS as MAX_REQUEST_ID_CHARACTERS

MAX_READS_PER_BATCH = 1024  # bounds the work of one request to a reader
MIN_REVISION_HEADER = "Min-Revision"
"""Of a client's request: its answer must not be older. Of a reader's answer to a batch: it has compared revisions."""

REPLICA_LATE_HEADER = "Replica-Late"
"""Of a reader's 503: its database is too far behind, and another reader's may not be."""

MAX_PAGE_TASKS = 1000
MAX_SEARCH_CHARACTERS = 255

_CREATED_AT = re.compile(r"[0-9]{4}(?:-[0-9]{2}){2}T[0-9]{2}(?::[0-9]{2}){2}\.[0-9]{6}\+00:00")

Order = Literal["created_at", "-created_at", "title", "-title"]
"""What a list is sorted by, with a minus descending. Titles sort by code point; tasks with equal keys by id."""

SearchText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_SEARCH_CHARACTERS),
    AfterValidator(require_storable),
    Field(json_schema_extra={"pattern": STORABLE_PATTERN}),
]
Key = Annotated[str, StringConstraints(max_length=TITLE_MAX_CHARACTERS), AfterValidator(require_storable)]


FIRST_MOMENT = datetime(1, 1, 1, tzinfo=UTC)
LAST_MOMENT = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def _in_utc(moment: datetime) -> datetime:
    """The moment in UTC, since PostgreSQL knows no offsets of 16 hours and more. Outside of the years 1 to 9999 it is
    the nearest moment inside: no task was created there."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return FIRST_MOMENT if moment.year == FIRST_MOMENT.year else LAST_MOMENT


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class Position(Message):
    """A place in a list: the sort key of a task, which is its title or its time of creation as text, and its id."""

    key: Key
    id: UUID


class Page(Message):
    """Part of a list: of the tasks that match, up to `limit` of those after a position.

    `created_after` and `created_before` are exclusive. `q` is a substring of title or description, in any case. Only
    what is set is written.
    """

    order: Order = "-created_at"
    limit: int = Field(ge=1, le=MAX_PAGE_TASKS)
    is_completed: bool | None = Field(default=None, exclude_if=is_absent)
    created_after: Moment | None = Field(default=None, exclude_if=is_absent)
    created_before: Moment | None = Field(default=None, exclude_if=is_absent)
    q: SearchText | None = Field(default=None, exclude_if=is_absent)
    after: Position | None = Field(default=None, exclude_if=is_absent)

    @model_validator(mode="after")
    def _the_key_fits_the_order(self) -> Self:
        if self.after is not None and self.order.endswith("created_at"):
            if not _CREATED_AT.fullmatch(self.after.key):
                raise ValueError("the key is not a time as tasks have it")
            datetime.fromisoformat(self.after.key)
        return self


class Read(Operation):
    """A request for one task of a user, or all of them when `task_id` is null, or a page of them, or what has changed
    since the revision `since`.

    At `known_revision` the client has the answer already, and gets the revision alone. Below `min_revision` the answer
    would be too old for the client: it is one of NotReached then (common.contracts.revised). Both are written only when
    set, and only in a batch with `revisions`.
    """

    user_id: UUID
    task_id: UUID | None = None
    page: Page | None = Field(default=None, exclude_if=is_absent)
    known_revision: int | None = Field(default=None, exclude_if=is_absent)
    since: int | None = Field(default=None, exclude_if=is_absent)
    min_revision: int | None = Field(default=None, exclude_if=is_absent)


class ReadBatch(Message):
    """The reads that were waiting in one gateway at one moment; common.contracts.framing defines the answer's
    format.

    `revisions`: each answer has the form of common.contracts.revised. A gateway of a release without it gets JSON
    alone. It is written only when true.
    """

    reads: list[Read] = Field(min_length=1, max_length=MAX_READS_PER_BATCH)
    revisions: bool = Field(default=False, exclude_if=not_)


def largest_page() -> Page:
    """A page whose fields all have their maximum length; a control character takes six bytes in JSON."""
    moment = LAST_MOMENT
    return Page(
        order="-title",
        limit=MAX_PAGE_TASKS,
        is_completed=False,
        created_after=moment,
        created_before=moment,
        q="\x01" * MAX_SEARCH_CHARACTERS,
        after=Position(key="\x01" * TITLE_MAX_CHARACTERS, id=UUID(int=0)),
    )


def _largest_read_bytes() -> int:
    """The size of a read whose fields all have their maximum length; a quotation mark takes two bytes in JSON."""
    nil = UUID(int=0)
    traceparent = f"00-{0:032x}-{0:016x}-01"  # W3C Trace Context, version 00
    largest = Read(
        user_id=nil,
        task_id=nil,
        page=largest_page(),
        known_revision=2**63 - 1,
        since=2**63 - 1,
        min_revision=2**63 - 1,
        request_id='"' * MAX_REQUEST_ID_CHARACTERS,
        traceparent=traceparent,
    )
    return len(largest.model_dump_json().encode())


MAX_READ_BYTES = _largest_read_bytes() + len(",")
"""The largest read in a batch, as JSON without spaces."""

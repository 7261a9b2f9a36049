"""The reads that gateways send to the task-readers."""

from uuid import UUID

from pydantic import Field

from common.contracts.message import Message, Operation
from common.http.request_ids import MAX_CHARACTERS as MAX_REQUEST_ID_CHARACTERS

MAX_READS_PER_BATCH = 1024  # bounds the work of one request to a reader


class Read(Operation):
    """A request for one task of a user, or all of them when `task_id` is null."""

    user_id: UUID
    task_id: UUID | None = None


class ReadBatch(Message):
    """The reads that were waiting in one gateway at one moment; common.contracts.framing defines the answer's
    format."""

    reads: list[Read] = Field(min_length=1, max_length=MAX_READS_PER_BATCH)


def _largest_read_bytes() -> int:
    """The size of a read whose fields all have their maximum length; a quotation mark takes two bytes in JSON."""
    nil = UUID(int=0)
    traceparent = f"00-{0:032x}-{0:016x}-01"  # W3C Trace Context, version 00
    largest = Read(user_id=nil, task_id=nil, request_id='"' * MAX_REQUEST_ID_CHARACTERS, traceparent=traceparent)
    return len(largest.model_dump_json())


MAX_READ_BYTES = _largest_read_bytes() + len(",")
"""The largest read in a batch, as JSON without spaces."""

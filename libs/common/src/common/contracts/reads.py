"""The reads that gateways ask of the task-readers."""

from uuid import UUID

from pydantic import Field

from common.contracts.message import Message, Operation
from common.http.request_ids import MAX_CHARACTERS as MAX_REQUEST_ID_CHARACTERS

MAX_READS_PER_BATCH = 1024  # bounds what one request can ask of a reader


class Read(Operation):
    """A request for one task of a user, or all of them when `task_id` is null."""

    user_id: UUID
    task_id: UUID | None = None


class ReadBatch(Message):
    """The reads that one gateway had waiting at one moment; the answer is framed as common.contracts.framing says."""

    reads: list[Read] = Field(min_length=1, max_length=MAX_READS_PER_BATCH)


def _largest_read_bytes() -> int:
    """Of a read whose every member is as long as it may be; a quotation mark is two bytes in JSON."""
    nobody = UUID(int=0)
    traceparent = f"00-{0:032x}-{0:016x}-01"  # as a service writes it: W3C Trace Context, version 00
    largest = Read(user_id=nobody, task_id=nobody, request_id='"' * MAX_REQUEST_ID_CHARACTERS, traceparent=traceparent)
    return len(largest.model_dump_json())


MAX_READ_BYTES = _largest_read_bytes() + len(",")
"""Of one read in a batch, as JSON without spaces."""

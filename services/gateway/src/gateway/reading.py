"""The reads that this gateway sends, as the plain values that are written: `common.contracts.reads` describes them.

Each value was checked where the request was read, and the task-reader checks what it gets. The contract's models would
check once more, and take 7 µs for each read to make and to write; these take less than one.
"""

from collections.abc import Sequence
from typing import TypedDict

from common.contracts.reads import Page
from pydantic_core import to_json


class ReadFields(TypedDict, total=False):
    """The fields of a read that may be left out, and are left out when they are not set."""

    request_id: str
    traceparent: str
    page: Page
    known_revision: int
    since: int
    min_revision: int


class Read(ReadFields):
    """See `common.contracts.reads.Read`."""

    user_id: str
    task_id: str | None


def encode_reads(reads: Sequence[Read]) -> bytes:
    """The message that `common.contracts.reads.ReadBatch` describes."""
    return to_json({"reads": reads, "revisions": True})

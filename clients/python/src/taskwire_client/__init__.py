"""A client of Taskwire: typed, sync and async, with safe retries. README.md shows how to use it."""

from taskwire_client.async_client import AsyncClient
from taskwire_client.client import Client
from taskwire_client.exchange import Options, Retries
from taskwire_client.operations import Operation, in_batches
from taskwire_client.problems import (
    ChangesGone,
    Conflict,
    Fault,
    InvalidRequest,
    KeyReused,
    NoAnswerError,
    NotAllowed,
    NotAuthenticated,
    OutcomeUnknown,
    PreconditionFailed,
    Problem,
    RevisionUnreached,
    ServerError,
    TaskNotFound,
    TaskwireError,
    TooManyRequests,
    Unavailable,
    UnexpectedAnswerError,
)
from taskwire_client.snapshots import Snapshot
from taskwire_client.tasks import BatchResult, Changes, Page, Task
from taskwire_client.watching import Update

__all__ = [
    "AsyncClient",
    "BatchResult",
    "Changes",
    "ChangesGone",
    "Client",
    "Conflict",
    "Fault",
    "InvalidRequest",
    "KeyReused",
    "NoAnswerError",
    "NotAllowed",
    "NotAuthenticated",
    "Operation",
    "Options",
    "OutcomeUnknown",
    "Page",
    "PreconditionFailed",
    "Problem",
    "Retries",
    "RevisionUnreached",
    "ServerError",
    "Snapshot",
    "Task",
    "TaskNotFound",
    "TaskwireError",
    "TooManyRequests",
    "Unavailable",
    "UnexpectedAnswerError",
    "Update",
    "in_batches",
]

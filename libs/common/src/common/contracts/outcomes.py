"""The answers of the task-writers."""

from typing import Literal

from common.contracts.message import Message


class Outcome(Message):
    """The answer to one command.

    `done` and `not_found`: PostgreSQL has committed the command and its log record.
    `expired` and `refused`: nothing was done, and nothing will be.
    `unknown`: it may or may not have been done; it is safe to send the same command_id again.
    `key_reused`: nothing was done; the command log has a different request under this command_id. Only with a key.
    `precondition_failed`: nothing was done, and the command log has a record of it. Only with a precondition.

    `task` is the task after the command, as JSON text written by PostgreSQL; null when there is no task.
    `reason` explains to people why nothing was done.
    `replayed`: status, task and revision come from an earlier record. Only with a key.
    `revision` is that of `task`; after a deletion the user's; where a precondition failed, what it was compared with.
    Null where there is none, and in records from before there were revisions.
    """

    status: Literal["done", "not_found", "expired", "refused", "unknown", "key_reused", "precondition_failed"]
    task: str | None = None
    reason: str | None = None
    replayed: bool = False
    revision: int | None = None


class OutcomeBatch(Message):
    """The answers to one CommandBatch: `outcomes[i]` answers `commands[i]`."""

    outcomes: list[Outcome]

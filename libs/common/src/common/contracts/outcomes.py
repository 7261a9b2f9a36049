"""The answers of the task-writers."""

from typing import Literal

from common.contracts.message import Message


class Outcome(Message):
    """The answer to one command.

    `done` and `not_found`: PostgreSQL has committed the command and its log record.
    `expired` and `refused`: nothing was done, and nothing will be.
    `unknown`: it may or may not have been done; it is safe to send the same command_id again.
    `key_reused`: nothing was done; the command log has a different request under this command_id. Only with a key.

    `task` is the task after the command, as JSON text written by PostgreSQL; null when there is no task.
    `reason` explains to people why nothing was done.
    `replayed`: status and task come from an earlier record. Only with a key.
    """

    status: Literal["done", "not_found", "expired", "refused", "unknown", "key_reused"]
    task: str | None = None
    reason: str | None = None
    replayed: bool = False


class OutcomeBatch(Message):
    """The answers to one CommandBatch: `outcomes[i]` answers `commands[i]`."""

    outcomes: list[Outcome]

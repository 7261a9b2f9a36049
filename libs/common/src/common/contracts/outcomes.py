"""The answers of the task-writers."""

from typing import Literal

from common.contracts.message import Message


class Outcome(Message):
    """The answer to one command.

    `done` and `not_found`: PostgreSQL has committed the command and its record.
    `expired` and `refused`: certainly nothing was done, now or later.
    `unknown`: it may or may not have been done; the same command_id may be sent again safely.
    `key_reused`: nothing was done for this command; another request has the record of its command_id. Only with a key.

    `task` is the task after the command, as the JSON text that PostgreSQL wrote; null where no task is left.
    `reason` tells people why nothing was done.
    `replayed`: status and task are those that were recorded before. Only with a key.
    """

    status: Literal["done", "not_found", "expired", "refused", "unknown", "key_reused"]
    task: str | None = None
    reason: str | None = None
    replayed: bool = False


class OutcomeBatch(Message):
    """The answers to one CommandBatch: `outcomes[i]` answers `commands[i]`."""

    outcomes: list[Outcome]

"""The effects of commands: their outcomes at the writer, and what the reader sees."""

import json
from uuid import UUID

from common.contracts.commands import AnyCommand
from common.contracts.outcomes import Outcome
from common.postgres.database import Database
from task_writer.batches import carry_out

from tests.reading import read_list, read_one


async def outcomes(writer: Database, *commands: AnyCommand, redelivered: bool = False) -> list[Outcome]:
    """Of one batch."""
    return [one.outcome for one in await carry_out(writer, commands, redelivered=redelivered)]


def replay_of(outcome: Outcome) -> Outcome:
    """The outcome of a repeat of the command."""
    return outcome.model_copy(update={"replayed": True})


async def titles(reader: Database, user_id: UUID) -> list[str]:
    """Of all tasks of the user, newest first."""
    return [task["title"] for task in json.loads(await read_list(reader, user_id))]


async def is_completed(reader: Database, command: AnyCommand) -> bool:
    """Whether the command's task is completed now."""
    task = await read_one(reader, command.user_id, command.task_id)
    assert task is not None
    done: bool = json.loads(task)["is_completed"]
    return done

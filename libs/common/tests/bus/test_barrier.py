"""The barrier is a message in which a task-writer of any release finds nothing to do."""

from common.bus.barrier import BODY
from common.contracts.commands import CommandBatch

LONG_PAST_S = 10.0  # task-writers send nothing to PostgreSQL whose deadline is longer ago


def test_a_barrier_is_written_as_frozen() -> None:
    nobody = "00000000-0000-0000-0000-000000000000"

    assert BODY.decode() == (
        f'{{"commands":[{{"command_id":"{nobody}","user_id":"{nobody}","deadline_unix_ms":0,'
        f'"type":"delete_task","task_id":"{nobody}"}}]}}'
    )


def test_a_task_writer_that_does_not_know_it_sees_a_command_that_has_expired() -> None:
    (command,) = CommandBatch.model_validate_json(BODY).commands

    assert command.seconds_left() < -LONG_PAST_S

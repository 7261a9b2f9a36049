"""What a batch's hint says."""

from uuid import UUID, uuid4

from common.contracts.commands import CreateTask, DeleteTask
from common.contracts.hints import ChangeHint
from common.contracts.outcomes import Outcome
from task_writer.batches import Answered
from task_writer.consumer.hinting import changes_of

USER = uuid4()


def answered(user_id: UUID, status: str, revision: int | None) -> Answered:
    command = DeleteTask(command_id=uuid4(), user_id=user_id, deadline_unix_ms=0, task_id=uuid4())
    return Answered(command, Outcome.model_validate({"status": status, "revision": revision}))


def test_what_was_not_done_is_not_told() -> None:
    """A precondition that failed names a revision too, that of what it was compared with."""
    others = ("not_found", "expired", "refused", "unknown", "key_reused", "precondition_failed")

    assert changes_of([answered(USER, status, 7) for status in others]) == []


def test_a_record_without_a_revision_is_not_told() -> None:
    assert changes_of([answered(USER, "done", None)]) == []
    assert changes_of([]) == []


def test_it_holds_no_text_of_a_task() -> None:
    command = CreateTask(command_id=uuid4(), user_id=USER, deadline_unix_ms=0, task_id=uuid4(), title="a secret")
    changes = changes_of([Answered(command, Outcome(status="done", task='{"title": "a secret"}', revision=3))])

    assert ChangeHint(revisions=dict(changes)).model_dump_json() == f'{{"revisions":{{"{USER}":3}}}}'

"""The checks of the migrations find what is planted."""

import pytest

from . import migrations
from .sources import Source

TIMEOUTS = "op.execute(\"set local lock_timeout = '3s'; set local statement_timeout = '30s'\")"
WORK = "op.drop_table('tasks')"


def revision(upgrade: str, downgrade: str) -> Source:
    text = f"def upgrade():\n    {upgrade}\n\ndef downgrade():\n    {downgrade}\n"
    return Source("services/task-writer/migrations/versions/0009_more.py", text)


@pytest.mark.parametrize(
    "bad",
    [
        "pass",
        "'Nothing to undo.'",
        TIMEOUTS,
        f"{TIMEOUTS}\n    pass",
        WORK,
        f"{WORK}\n    {TIMEOUTS}",
        f"op.execute(\"set local lock_timeout = '3s'\")\n    {WORK}",
        f"op.execute(\"set local statement_timeout = '3s'\")\n    {WORK}",
    ],
)
def test_a_direction_without_timeouts_or_without_work_is_found(bad: str) -> None:
    good = f"{TIMEOUTS}\n    {WORK}"

    assert migrations.faults(revision(bad, good)) != []
    assert migrations.faults(revision(good, bad)) != []


def test_a_revision_without_a_way_back_is_found() -> None:
    text = f"def upgrade():\n    {TIMEOUTS}\n    {WORK}\n"

    assert migrations.faults(Source("services/task-writer/migrations/versions/0009_more.py", text)) != []


def test_a_sound_revision_passes() -> None:
    good = f"{TIMEOUTS}\n    {WORK}"

    assert migrations.faults(revision(good, good)) == []


@pytest.mark.parametrize(
    "change", ["update tasks set title = trim(title)", "DELETE\n FROM public.tasks", "insert into tasks"]
)
def test_a_change_of_tasks_that_moves_no_revision_is_found(change: str) -> None:
    good = f"{TIMEOUTS}\n    {WORK}"
    bad = f"{TIMEOUTS}\n    op.execute({change!r})"
    moved = f"{TIMEOUTS}\n    op.execute({'with moved as (update user_revisions …) ' + change!r})"

    assert migrations.faults(revision(bad, good)) != []
    assert migrations.faults(revision(good, bad)) != []
    assert migrations.faults(revision(moved, moved)) == []


@pytest.mark.parametrize(
    "tie",
    [
        "from task_writer.tables import Task",
        "import common.contracts",
        "from pathlib import Path",
        "TEXT = open('run_commands.sql').read()",
        "TEXT = files('task_writer').joinpath('x.sql').read_text()",
    ],
)
def test_a_tie_to_what_another_day_may_change_is_found(tie: str) -> None:
    good = f"{TIMEOUTS}\n    {WORK}"
    sound = revision(good, good)

    assert migrations.faults(Source(sound.path, f"{tie}\n{sound.text}")) != []
    assert migrations.faults(Source(sound.path, f"import sqlalchemy as sa\nfrom alembic import op\n{sound.text}")) == []

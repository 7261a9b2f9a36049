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

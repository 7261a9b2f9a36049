"""A copy after changes, and in a file."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from taskwire_client import Changes, Snapshot, Task

USER = UUID("7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11")


def task(title: str, minute: int = 0) -> Task:
    return Task(
        uuid4(), title, None, is_completed=False, created_at=datetime(2026, 11, 23, 1, minute, tzinfo=UTC), user_id=USER
    )


def test_changes_replace_add_and_remove_and_leave_the_former_copy_alone() -> None:
    milk, bread, salt = task("milk"), task("bread"), task("salt")
    before = Snapshot(USER).applied(Changes(1, [milk, bread], []))
    changes = Changes(2, [replace(milk, title="oat milk"), salt], [bread.id, uuid4()])

    after = before.applied(changes)

    assert sorted(one.title for one in after.tasks.values()) == ["oat milk", "salt"]
    assert after.revision == 2
    assert sorted(one.title for one in before.tasks.values()) == ["bread", "milk"]
    assert after.applied(changes) == after


def test_it_lists_the_newest_first() -> None:
    tasks = [task("a", 1), task("b", 3), task("c", 2)]

    assert [one.title for one in Snapshot(USER).applied(Changes(1, tasks, [])).newest_first()] == ["b", "c", "a"]


def test_a_file_keeps_all_of_it(tmp_path: Path) -> None:
    tasks = [task("\u202eright\n\x1b[31m"), replace(task("🥛"), description="", is_completed=True)]
    snapshot = Snapshot(USER).applied(Changes(2**53 - 1, tasks, []))
    path = tmp_path / "tasks.json"
    path.write_text("a former one")

    snapshot.save(path)

    assert Snapshot.load(path) == snapshot
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "tasks.json").mkdir()

    with pytest.raises(OSError, match=r"tasks\.json"):
        Snapshot(USER).save(tmp_path / "tasks.json")

    assert list(tmp_path.iterdir()) == [tmp_path / "tasks.json"]


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '{"format": 2}', '{"format": 1, "user_id": 1}', '{"format"'])
def test_what_is_no_snapshot_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of JSON or ours
        Snapshot.from_json(text)

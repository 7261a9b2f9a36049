"""A local copy of one user's tasks, kept with changes, and kept in a file between two runs of a program."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from uuid import UUID

from taskwire_client.tasks import Changes, Task

FORMAT = 1  # of a snapshot as JSON; another for other fields of tasks


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All tasks of a user at a revision, by id. Changes make a new one: it is never seen half updated."""

    user_id: UUID
    revision: int = 0
    tasks: Mapping[UUID, Task] = field(default_factory=dict)

    def applied(self, changes: Changes) -> "Snapshot":
        """The snapshot after these changes; applied twice, they leave the same. Costs a copy of the mapping."""
        tasks = {**self.tasks, **{task.id: task for task in changes.changed}}
        for task_id in changes.deleted:
            tasks.pop(task_id, None)
        return Snapshot(self.user_id, changes.revision, tasks)

    def newest_first(self) -> Sequence[Task]:
        """The tasks as the API lists them."""
        return sorted(self.tasks.values(), key=lambda task: (task.created_at, str(task.id)), reverse=True)

    def to_json(self) -> str:
        """All of it as JSON, for `from_json`."""
        tasks = [task.to_json() for task in self.newest_first()]
        state = {"format": FORMAT, "user_id": str(self.user_id), "revision": self.revision, "tasks": tasks}
        return json.dumps(state, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Snapshot":
        """The snapshot that was written so. ValueError for anything else: begin anew without one."""
        state = json.loads(text)
        try:
            if state["format"] != FORMAT:
                raise ValueError(f"a snapshot of format {state['format']}, which this version does not read")
            tasks = map(Task.from_json, state["tasks"])
            return cls(UUID(state["user_id"]), int(state["revision"]), {task.id: task for task in tasks})
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("not a snapshot") from error

    def save(self, path: Path) -> None:
        """Writes the file in one step: after a crash it is the former one or this one, never half of it."""
        with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                file.write(self.to_json())
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise

    @classmethod
    def load(cls, path: Path) -> "Snapshot":
        """What `save` has written. ValueError for anything else, OSError where there is no file."""
        return cls.from_json(path.read_text(encoding="utf-8"))

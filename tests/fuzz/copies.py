"""Copies of a user's tasks that are kept with changes alone, from any revision that was ever answered."""

from typing import Any

import httpx

from tests.contract.tasks import CHANGES, Task


class Copies:
    """What a client had at each revision that it has seen. Nobody has anything at revision 0."""

    def __init__(self, user_id: str) -> None:
        self._url = CHANGES.url(user_id, "")
        self._at: dict[int, dict[str, Task]] = {0: {}}

    def sync(self, api: httpx.Client, back: int | None) -> dict[str, Task]:
        """The tasks by their ids, after the changes since one of the latest revisions; without, from all tasks."""
        since = None if back is None else sorted(self._at)[-1 - back % len(self._at)]
        response = api.get(self._url, params={} if since is None else {"since": since})
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        copy = dict(self._at[since or 0])
        copy |= {task["id"]: task for task in answer["changed"]}
        for task_id in answer["deleted"]:
            copy.pop(task_id, None)
        self._keep(answer["revision"], copy)
        assert response.headers["etag"].endswith(f'-{answer["revision"]}"')
        return copy

    def _keep(self, revision: int, copy: dict[str, Task]) -> None:
        assert revision >= max(self._at), "a revision went back"
        assert self._at.setdefault(revision, copy) == copy, "one revision has two meanings"

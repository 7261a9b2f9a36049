"""Checks before a measurement that all systems give the same responses to the same requests."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import aiohttp

from benchmarks.dataset import LARGE, SMALL, WRITING
from benchmarks.systems import System

PATHS = (
    f"/api/{SMALL.user_id(7)}/tasks/{SMALL.task_id(7)}",
    f"/api/{SMALL.user_id(7)}/tasks/{SMALL.task_id(8)}",
    f"/api/{SMALL.user_id(7)}/tasks",
    f"/api/{LARGE.user_id(7)}/tasks",
    f"/api/{WRITING.user_id(7)}/tasks",
)
"""A task, another user's task, a short list, a long one, an empty one."""


class AnswersDiffer(Exception):
    """The systems respond differently, so their figures cannot be compared."""


async def require_same_answers(systems: Sequence[System]) -> None:
    """Compares them by value; formats of times and errors may differ. Raises AnswersDiffer."""
    for path in PATHS:
        answers = {system.name: await _get(system.url, path) for system in systems}
        for name, answer in answers.items():
            if answer != answers[systems[0].name]:
                raise AnswersDiffer(f"{name} answers GET {path} in another way than {systems[0].name}")


async def _get(url: str, path: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession(url) as session, session.get(path) as answer:
        body = await answer.text()
    return answer.status, json.loads(body, object_hook=_with_time) if answer.ok else None


def _with_time(task: dict[str, Any]) -> dict[str, Any]:
    return task | {"created_at": datetime.fromisoformat(task["created_at"])}

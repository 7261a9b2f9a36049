"""Tasks as JSON: an array of the tasks as the API shows them."""

import json
from collections.abc import Iterable

from taskwire_client.cli.drafts import Draft, InvalidFile, checked
from taskwire_client.tasks import Task


def write(tasks: Iterable[Task]) -> str:
    """All of each task, one on a line."""
    lines = (json.dumps(task.to_json(), ensure_ascii=False) for task in tasks)
    return "[\n" + ",\n".join(lines) + "\n]\n"


def read(text: str) -> list[Draft]:
    """The tasks of such a file; members other than title, description and is_completed are ignored."""
    try:
        tasks = json.loads(text)
    except ValueError as error:
        raise InvalidFile(f"not JSON: {error}") from None
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise InvalidFile("not an array of tasks")
    return [checked(number, task) for number, task in enumerate(tasks, start=1)]

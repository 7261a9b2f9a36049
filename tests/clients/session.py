"""Every operation once, by the Python client that is made of the description. Writes what it saw as JSON.

Run as a program, with the address of a gateway and a user, where the generated package can be imported.
"""

import json
import sys
from uuid import UUID

from generated_client import Client
from generated_client.api.tasks import (
    create_task,
    delete_task,
    find_task,
    list_tasks,
    patch_task,
    replace_task,
    toggle_task,
)
from generated_client.models import CompletionBody, PatchBody, ReplacementBody, TaskBody


def main() -> None:
    """Prints one JSON object."""
    user_id = UUID(sys.argv[2])
    with Client(base_url=sys.argv[1], timeout=10) as client:
        created = create_task.sync_detailed(user_id, client=client, body=TaskBody(title="Buy milk"))
        task_id = created.parsed.id
        listed = list_tasks.sync_detailed(user_id, client=client)
        found = find_task.sync_detailed(user_id, task_id, client=client)
        replaced = replace_task.sync_detailed(user_id, task_id, client=client, body=ReplacementBody(title="Buy bread"))
        patched = patch_task.sync_detailed(user_id, task_id, client=client, body=PatchBody(title="Buy rye bread"))
        flipped = toggle_task.sync_detailed(user_id, task_id, client=client)
        opened = toggle_task.sync_detailed(user_id, task_id, client=client, body=CompletionBody(is_completed=False))
        deleted = delete_task.sync_detailed(user_id, task_id, client=client)
        gone = find_task.sync_detailed(user_id, task_id, client=client)

    answers = [created, listed, found, replaced, patched, flipped, opened, deleted, gone]
    saw = {
        "statuses": [answer.status_code for answer in answers],
        "listed": [task.title for task in listed.parsed],
        "titles": [found.parsed.title, replaced.parsed.title, patched.parsed.title],
        "completed": [flipped.parsed.is_completed, opened.parsed.is_completed],
        "problem": gone.parsed.type_,
    }
    print(json.dumps(saw))


if __name__ == "__main__":
    main()

"""What scripts read: JSON on standard output, each document in one line."""

import json
import sys
from typing import Any

from taskwire_client.watching import Update


def print_json(document: Any) -> None:
    """Prints a document, and flushes it: somebody may be waiting for the line."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def update_document(update: Update) -> dict[str, Any]:
    """What has changed, as the API tells it; with `is_reset`, all tasks, which replace what was there."""
    return {
        "revision": update.changes.revision,
        "is_reset": update.is_reset,
        "changed": [task.to_json() for task in update.changes.changed],
        "deleted": list(map(str, update.changes.deleted)),
    }

"""The command `taskwire`. Exit statuses are in failures.py, what it reads from the environment in app.py."""

import sys

_NEEDED = {"icalendar", "rich", "typer"}


def main() -> None:
    """Runs the command line, and ends the process with its status."""
    try:
        from taskwire_client.cli.app import run  # noqa: PLC0415 - what it imports is an extra, and may be missing
    except ModuleNotFoundError as error:
        if error.name not in _NEEDED:
            raise
        sys.exit(f"The command line needs {error.name}: install taskwire-client[cli].")
    sys.exit(run())

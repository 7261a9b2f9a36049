"""Tasks as CSV (RFC 4180), safe to open in a spreadsheet.

A spreadsheet takes a cell for a formula that begins with one of a few characters, and a formula can send the sheet
away (https://owasp.org/www-community/attacks/CSV_Injection). Such a text gets an apostrophe before it, and so does one
that has apostrophes before such a character, so that reading takes exactly one away. An empty description is written in
quotation marks, none at all without.
"""

import csv
import io
import re
from collections.abc import Iterable

from taskwire_client.cli.drafts import Draft, InvalidFile, checked
from taskwire_client.tasks import Task

COLUMNS = ("id", "created_at", "is_completed", "title", "description")
_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")  # the last four are full-width =, +, - and @
_GUARDED = re.compile(f"'{_FORMULA.pattern}")
_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False, "": False}


def write(tasks: Iterable[Task]) -> str:
    """All of each task, one in a row."""
    file = io.StringIO(newline="")
    rows = csv.writer(file, quoting=csv.QUOTE_NOTNULL)
    rows.writerow(COLUMNS)
    for task in tasks:
        completed = "true" if task.is_completed else "false"
        description = None if task.description is None else _guarded(task.description)
        members = task.to_json()
        rows.writerow([members["id"], members["created_at"], completed, _guarded(task.title), description])
    return file.getvalue()


def read(text: str) -> list[Draft]:
    """The tasks of such a file; it needs a column `title`, and ignores those that it does not know."""
    try:
        names, *rows = csv.reader(io.StringIO(text, newline=""), quoting=csv.QUOTE_NOTNULL, strict=True)
    except (csv.Error, ValueError) as error:
        raise InvalidFile(f"not CSV with a line of names: {error}") from None
    if "title" not in names:
        raise InvalidFile("no column is named title")
    return [
        _draft(number, dict(zip(names, row, strict=False))) for number, row in enumerate(filter(None, rows), start=1)
    ]


def _draft(number: int, cells: dict[str, str | None]) -> Draft:
    completed = (cells.get("is_completed") or "").strip().lower()
    if completed not in _BOOLEANS:
        raise InvalidFile(f"task {number}: is_completed is neither true nor false")
    texts = {
        name: text and _unguarded(text) for name in ("title", "description") if (text := cells.get(name)) is not None
    }
    return checked(number, texts | {"is_completed": _BOOLEANS[completed]})


def _guarded(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


def _unguarded(text: str) -> str:
    return text[1:] if _GUARDED.match(text) else text

"""Tasks as iCalendar (RFC 5545): each is a VTODO, with its title as SUMMARY.

The format has no control characters but the tab, and one kind of line end: a carriage return becomes a line feed, and
other control characters are left out, and so is a byte order mark at the beginning. Other text comes back as it was.
"""

import re
from collections.abc import Iterable

from icalendar import Calendar, Component, Todo

from taskwire_client.cli.drafts import Draft, InvalidFile, checked
from taskwire_client.tasks import Task

_LINE_END = re.compile(r"\r\n?")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_BEGIN = re.compile(r"^BEGIN:VCALENDAR\s*$", re.MULTILINE | re.IGNORECASE)
_CLOSED = {"COMPLETED", "CANCELLED"}


def write(tasks: Iterable[Task]) -> str:
    """A calendar with a VTODO for each task."""
    calendar = Calendar()
    calendar.add("prodid", "-//Taskwire//taskwire-client//EN")
    calendar.add("version", "2.0")
    for task in tasks:
        todo = Todo()
        todo.add("uid", str(task.id))
        todo.add("dtstamp", task.created_at)
        todo.add("created", task.created_at)
        todo.add("summary", _text(task.title))
        if task.description is not None:
            todo.add("description", _text(task.description))
        todo.add("status", "COMPLETED" if task.is_completed else "NEEDS-ACTION")
        calendar.add_component(todo)
    return str(calendar.to_ical(), "utf-8")


def read(text: str) -> list[Draft]:
    """The VTODOs of all calendars in the file; events and the rest are ignored. Cancelled counts as completed."""
    try:
        calendars = Calendar.from_ical(text, multiple=True)
        if len(calendars) != len(_BEGIN.findall(text)) or not calendars:
            raise InvalidFile("a calendar is incomplete, or there is none")
        todos = [todo for calendar in calendars for todo in calendar.walk("VTODO")]
        return [_draft(number, todo) for number, todo in enumerate(todos, start=1)]
    except (ValueError, IndexError) as error:
        if isinstance(error, InvalidFile):
            raise
        raise InvalidFile(f"not iCalendar: {error}") from None


def _draft(number: int, todo: Component) -> Draft:
    status, percent = str(todo.get("status", "")).upper(), str(todo.get("percent-complete", ""))
    description = todo.get("description")
    members = {
        "title": str(todo["summary"]) if "summary" in todo else None,
        "description": None if description is None else str(description),
        "is_completed": status in _CLOSED or "completed" in todo or percent == "100",
    }
    return checked(number, members)


def _text(text: str) -> str:
    return _CONTROL.sub("", _LINE_END.sub("\n", text))

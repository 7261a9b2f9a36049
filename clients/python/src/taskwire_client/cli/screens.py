"""What people see. The text of tasks is printed as text: no markup, no control character, nothing that turns it."""

import re
import sys
import unicodedata
from collections.abc import Sequence
from datetime import datetime

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from taskwire_client.cli.short_ids import short
from taskwire_client.tasks import Task
from taskwire_client.watching import Update

_NO_TERMINAL = 4096  # columns: what is read by another program is not wrapped
_PICTURES = 0x2400  # where Unicode has a picture of each control character below the space
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")


def console(*, stderr: bool = False) -> Console:
    """The terminal, or whatever is in its place."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else _NO_TERMINAL, highlight=False)


def printable(text: str, *, lines: bool = False) -> str:
    """The text without anything that a terminal acts on; with `lines`, line feeds stay."""
    return "".join(character if lines and character == "\n" else _shown(character) for character in text)


def _shown(character: str) -> str:
    if character == "\n":
        return " ⏎ "
    if character in _TURNING:
        return "�"
    if unicodedata.category(character) != "Cc":
        return character
    return chr(_PICTURES + ord(character)) if character < " " else "�"


def table(tasks: Sequence[Task], width: int, *, found: str | None = None) -> Table | Text:
    """Tasks as a table for so many columns of a terminal, what was `found` underlined."""
    if not tasks:
        return Text("No tasks.", style="dim")
    with_description = any(task.description for task in tasks)
    rows = _columns(width, with_description=with_description)
    rows.caption = f"{_count(len(tasks), 'task')}, {sum(task.is_completed for task in tasks):,} done"
    for task in tasks:
        texts = [_marked(task.title, found)]
        if task.is_completed:
            texts[0].stylize("dim strike")
        if with_description:
            texts.append(_marked(task.description or "", found))
        rows.add_row(_mark(task), short(task.id), *texts, moment(task.created_at))
    return rows


def _columns(width: int, *, with_description: bool) -> Table:
    rows = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, caption_justify="left", caption_style="dim")
    rows.add_column("", width=1)
    rows.add_column("ID", style="cyan", no_wrap=True, min_width=8)
    rows.add_column("Title", overflow="fold", min_width=8)
    if with_description:
        rows.add_column("Description", style="dim", no_wrap=True, overflow="ellipsis", max_width=max(8, width // 4))
    rows.add_column("Created", style="dim", no_wrap=True, min_width=16)
    return rows


def details(task: Task) -> Table:
    """All of one task."""
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column(overflow="fold")
    rows.add_row("Title", Text(printable(task.title, lines=True)))
    rows.add_row("Description", Text(printable(task.description or "-", lines=True)))
    rows.add_row("State", Text("done", style="green") if task.is_completed else Text("open", style="yellow"))
    rows.add_row("Created", Text(moment(task.created_at)))
    rows.add_row("ID", Text(str(task.id), style="cyan"))
    return rows


def line(word: str, task: Task, style: str) -> Text:
    """One line about a task."""
    return Text.assemble((f"{word:<8}", style), (f"{short(task.id)}  ", "cyan"), printable(task.title))


def update_lines(update: Update, before: Sequence[Task]) -> list[Text]:
    """One line for each task that was created, changed or deleted; `before` are those of the copy before."""
    known = {task.id: task for task in before}
    lines = [_change(known.get(task.id), task) for task in reversed(update.changes.changed)]
    gone = [known[task_id] for task_id in update.changes.deleted if task_id in known]
    return [*lines, *(line("deleted", task, "red") for task in gone)]


def _change(was: Task | None, now: Task) -> Text:
    if was is None:
        return line("new", now, "green")
    if was.is_completed is now.is_completed:
        return line("changed", now, "yellow")
    return line("done" if now.is_completed else "reopened", now, "blue")


def moment(at: datetime) -> str:
    """A time on the clock of this machine."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M")


def _marked(text: str, found: str | None) -> Text:
    marked = Text(printable(text))
    if found:
        marked.highlight_regex(f"(?i){re.escape(printable(found))}", "bold underline")
    return marked


def _mark(task: Task) -> Text:
    return Text("✓", style="green") if task.is_completed else Text("○", style="yellow")


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" + ("" if number == 1 else "s")

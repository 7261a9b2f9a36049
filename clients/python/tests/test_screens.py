"""What is printed of a task's text: nothing that a terminal acts on."""

import sys
import unicodedata
from datetime import UTC, datetime
from io import StringIO
from uuid import UUID, uuid4

import pytest
from rich.console import Console
from taskwire_client import Task
from taskwire_client.cli.screens import details, line, printable, table

TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def task(title: str, *, is_completed: bool = False) -> Task:
    return Task(uuid4(), title, title, is_completed, datetime(2026, 11, 23, tzinfo=UTC), UUID(int=1))


def printed(what: object) -> str:
    console = Console(file=StringIO(), width=200, force_terminal=False)
    console.print(what)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("milk 🥛 שלום e\u0301", "milk 🥛 שלום e\u0301"),
        ("a\nb", "a ⏎ b"),
        ("\x1b[31mred\x07\x00\t", "␛[31mred␇␀␉"),
        ("\x7f\x9b31m\x85", "��31m�"),
        ("\u202egnirts\u202c\u2066x\u2069\u2028", "�gnirts��x��"),
    ],
)
def test_control_characters_are_pictures(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_nothing_of_a_text_reaches_the_terminal_as_a_command() -> None:
    kinds = {"Cc", "Cf", "Zl", "Zp"}
    every = "".join(one for one in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(one) in kinds)

    for screen in (table([task(every)], 200), details(task(every)), line("new", task(every), "green")):
        text = printed(screen).replace("\n", "")
        assert [one for one in text if unicodedata.category(one) == "Cc"] == []
        assert [one for one in text if unicodedata.bidirectional(one) in TURNING] == []


@pytest.mark.parametrize("text", ["[bold]x[/bold]", "[/]", "[link=https://evil.example]x[/link]", ":smiley:"])
def test_a_text_is_no_markup(text: str) -> None:
    for screen in (table([task(text)], 200, found="x"), details(task(text)), line("new", task(text), "green")):
        assert text in printed(screen)


def test_a_table_counts() -> None:
    assert "2 tasks, 1 done" in printed(table([task("milk"), task("bread", is_completed=True)], 200))
    assert printed(table([], 200)) == "No tasks.\n"


@pytest.mark.parametrize("width", [60, 80, 100, 4096])
def test_a_table_fits_and_shows_every_title_in_full(width: int) -> None:
    long = task("title " * 40)
    console = Console(file=StringIO(), width=width, force_terminal=False)

    console.print(table([long], width))

    assert isinstance(console.file, StringIO)
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= width
    assert text.count("title") >= 40
    assert str(long.id)[-8:] in text
    assert "2026-11-23 " in text

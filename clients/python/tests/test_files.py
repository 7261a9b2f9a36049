"""Files of tasks: what is written is read again as it was, and what is not of its format is refused with a word."""

import csv
import io
import random
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from icalendar import Calendar
from taskwire_client import Task
from taskwire_client.cli import csv_file, icalendar_file, json_file
from taskwire_client.cli.drafts import Draft, InvalidFile

HOSTILE = [
    "=1+1", "'=1+1", "''=x", "+49 89", "-", "@SUM(A1)", "\uff1d1+1", "\tindented", "\r", "\nline", "'", "''", "it's",
    "a,b;c", 'say "hi"', '"', "back\\slash \\n \\, \\;", "one\ntwo\n\nthree", "carriage\rreturn", "dos\r\nline",
    " spaces ", "🥛👩‍👩‍👧‍👦🇩🇪", "\u202eright to left\u202c", "שלום עולם", "e\u0301", "\u200bzero", "x" * 255, "é" * 100,
    "\x1b[31mred\x07", "BEGIN:VTODO", "END:VCALENDAR\nBEGIN:VCALENDAR", "title,description", "null", "[]",
    "\u2028sep\u2029", "\x85", "%41", "\ufeffbom",
]  # fmt: skip
DESCRIPTIONS = [None, "", *HOSTILE, "🥛" * 2000, "y" * 2000]


def task(title: str, description: str | None, *, is_completed: bool = False) -> Task:
    created_at = datetime(2026, 11, 23, 1, 43, 50, 378975, tzinfo=UTC)
    return Task(uuid4(), title, description, is_completed, created_at, uuid4())


TASKS = [
    *(task(title, title * 3, is_completed=len(title) % 2 == 0) for title in HOSTILE),
    *(task("described", description) for description in DESCRIPTIONS),
]
DRAFTS = [Draft.of(one) for one in TASKS]


@pytest.mark.parametrize("file", [json_file, csv_file])
def test_a_file_brings_back_every_text(file: object) -> None:
    write: Callable[[list[Task]], str] = getattr(file, "write")  # noqa: B009 - a module as a value
    read: Callable[[str], list[Draft]] = getattr(file, "read")  # noqa: B009

    assert read(write(TASKS)) == DRAFTS
    assert read(write([])) == []


def test_csv_brings_back_any_text() -> None:
    choice = random.Random(17)  # noqa: S311 - to be repeated, not to be secret
    texts = ["".join(choice.choices("'=+-@\t\r\n\",; aé\uff1d", k=choice.randint(1, 6))) for _ in range(3000)]
    tasks = [task(text, text[::-1]) for text in texts]

    assert csv_file.read(csv_file.write(tasks)) == [Draft.of(one) for one in tasks]


def test_no_cell_of_csv_is_a_formula() -> None:
    rows = list(csv.reader(io.StringIO(csv_file.write(TASKS), newline="")))

    assert len(rows) == len(TASKS) + 1
    assert [
        cell
        for row in rows
        for cell in row
        if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b"))
    ] == []


def test_csv_of_a_spreadsheet_is_read() -> None:
    text = "title;x\n".replace(";", ",") + "milk,1\n\n=1+1,2\n"

    assert csv_file.read(text) == [Draft("milk"), Draft("=1+1")]
    assert csv_file.read("is_completed,title\nTRUE,milk\nno,bread\n,salt\n") == [
        Draft("milk", is_completed=True), Draft("bread"), Draft("salt"),
    ]  # fmt: skip


def test_icalendar_brings_back_all_but_control_characters() -> None:
    tasks = [one for one in TASKS if not (one.description or "").startswith("\ufeff")]
    drafts = icalendar_file.read(icalendar_file.write(tasks))

    def kept(text: str | None) -> str | None:
        return text and "".join(
            character
            for character in text.replace("\r\n", "\n").replace("\r", "\n")
            if character in "\t\n" or not (character < " " or character == "\x7f")
        )

    assert drafts == [
        Draft(kept(one.title) or "", kept(one.description), one.is_completed) for one in map(Draft.of, tasks)
    ]


def test_icalendar_is_of_its_format() -> None:
    content = icalendar_file.write([TASKS[0]]).encode()
    (todo,) = Calendar.from_ical(content).walk("VTODO")

    assert content.endswith(b"END:VCALENDAR\r\n")
    assert max(map(len, icalendar_file.write(TASKS).encode().split(b"\r\n"))) <= 75
    assert str(todo["uid"]) == str(TASKS[0].id)
    assert b"CREATED:20261123T014350Z\r\n" in content


def test_icalendar_of_others_is_read() -> None:
    calendar = "\r\n".join([
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//x//EN",
        "BEGIN:VEVENT", "UID:0", "DTSTAMP:20261123T000000Z", "SUMMARY:a meeting", "END:VEVENT",
        "BEGIN:VTODO", "UID:1", "SUMMARY;LANGUAGE=de:Milch\\, 2 Liter", "PERCENT-COMPLETE:100", "END:VTODO",
        "BEGIN:VTODO", "UID:2", "SUMMARY:Brot", "COMPLETED:20261123T000000Z", "END:VTODO",
        "BEGIN:VTODO", "UID:3", "SUMMARY:Salz", "STATUS:IN-PROCESS", "PERCENT-COMPLETE:50", "END:VTODO",
        "BEGIN:VTODO", "UID:4", "SUMMARY:Tee", "STATUS:CANCELLED", "END:VTODO",
        "END:VCALENDAR", "",
    ])  # fmt: skip

    assert icalendar_file.read(calendar + calendar.replace("Tee", "Kaffee")) == [
        Draft("Milch, 2 Liter", is_completed=True), Draft("Brot", is_completed=True), Draft("Salz"),
        Draft("Tee", is_completed=True), Draft("Milch, 2 Liter", is_completed=True), Draft("Brot", is_completed=True),
        Draft("Salz"), Draft("Kaffee", is_completed=True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", "[{}]", '[{"title": 1}]', '[{"title": "x", "is_completed": 1}]', "title"]
)
def test_what_is_no_json_of_tasks_is_refused(text: str) -> None:
    with pytest.raises(InvalidFile):
        json_file.read(text)


@pytest.mark.parametrize(
    "text",
    ["", "name\nx\n", "title,is_completed\nx,perhaps\n", 'title\n"open\n', "title\n" + "x" * 200_000, "a,title\n1\n"],
)
def test_what_is_no_csv_of_tasks_is_refused(text: str) -> None:
    with pytest.raises(InvalidFile):
        csv_file.read(text)


@pytest.mark.parametrize("text", ["milk", "BEGIN:VCALENDAR", "BEGIN:VTODO\nEND:VTODO", "END:VCALENDAR", "\x00", ""])
def test_what_is_no_calendar_is_refused(text: str) -> None:
    with pytest.raises(InvalidFile):
        icalendar_file.read(text)

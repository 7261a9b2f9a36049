"""The formats of files of tasks, and reading and writing them."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from taskwire_client.cli import csv_file, json_file
from taskwire_client.cli.drafts import Draft, InvalidFile
from taskwire_client.cli.failures import WRONG_USE, Failure
from taskwire_client.tasks import Task

STANDARD = Path("-")


class Format(StrEnum):
    """A format, named by the ending of its files."""

    JSON = "json"
    CSV = "csv"
    ICALENDAR = "ics"


@dataclass(frozen=True)
class _Codec:
    write: Callable[[Iterable[Task]], str]
    read: Callable[[str], list[Draft]]


def _codec(form: Format) -> _Codec:
    match form:
        case Format.JSON:
            return _Codec(json_file.write, json_file.read)
        case Format.CSV:
            return _Codec(csv_file.write, csv_file.read)
        case Format.ICALENDAR:
            # Only here: the library takes a third of the time that a command needs to start.
            from taskwire_client.cli import icalendar_file  # noqa: PLC0415

            return _Codec(icalendar_file.write, icalendar_file.read)


def format_of(path: Path, given: Format | None) -> Format:
    """The format that was given, or that of the file's ending; JSON on standard input and output."""
    if given is not None:
        return given
    if path == STANDARD:
        return Format.JSON
    try:
        return Format(path.suffix.lower().removeprefix("."))
    except ValueError:
        known = ", ".join(Format)
        raise Failure(f"{path}: which format is it? Name it with --format: {known}", WRONG_USE) from None


def read_drafts(path: Path, form: Format) -> list[Draft]:
    """The tasks of a file in UTF-8, with a byte order mark or without. Failure where it is not of its format."""
    try:
        content = sys.stdin.buffer.read() if path == STANDARD else path.read_bytes()
        return _codec(form).read(content.decode("utf-8-sig"))
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}", WRONG_USE) from None
    except UnicodeDecodeError:
        raise Failure(f"{path}: not UTF-8", WRONG_USE) from None
    except InvalidFile as error:
        raise Failure(f"{path}: {error}", WRONG_USE) from None


def write_tasks(path: Path, form: Format, tasks: Iterable[Task]) -> None:
    """Writes the file, or to standard output. Failure where that is not possible."""
    content = _codec(form).write(tasks).encode()
    try:
        if path == STANDARD:
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
        else:
            path.write_bytes(content)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}", WRONG_USE) from None

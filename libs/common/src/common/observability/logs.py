"""What goes to standard error: JSON for machines, colours for a terminal; never a body, a task's text or a secret."""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Literal

type LogFormat = Literal["auto", "json", "text"]

SLOW_S = 1.0
"""A request or batch that takes longer is told of, like one that fails."""

MAX_IDS_IN_A_LINE = 8
"""Requests that the line of a batch names."""

wishes = logging.getLogger("wishes")
"""A line for each request and each batch: at info those that went well, at warning those that failed or were slow."""

_COLOURS = {"DEBUG": "2", "INFO": "32", "WARNING": "33", "ERROR": "31", "CRITICAL": "1;31"}


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the record's fields."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """One line, for people; its fields stand behind it."""

    def __init__(self, *, coloured: bool) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
        self._coloured = coloured

    def format(self, record: logging.LogRecord) -> str:
        head, *traceback = super().format(record).split("\n", 1)
        line = " ".join([head, *(f"{name}={value}" for name, value in _fields(record).items())])
        if self._coloured:
            line = f"\x1b[{_COLOURS.get(record.levelname, '0')}m{line}\x1b[0m"
        return "\n".join([line, *traceback])


def configure_logging(level: str, *, style: LogFormat = "auto", each_wish: bool = False) -> None:
    """Sends every record at `level` or above to standard error; of requests and batches all, or those that fail."""
    handler = logging.StreamHandler(sys.stderr)
    terminal = sys.stderr.isatty()
    as_json = style == "json" or (style == "auto" and not terminal)
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter(coloured=terminal))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)  # aio_pika reports the same failures, once
    wishes.setLevel(logging.INFO if each_wish else logging.WARNING)


def log_wish(text: str, *, failed: bool, seconds: float, fields: Callable[[], Mapping[str, object]]) -> None:
    """Writes the line of a request or a batch, if such lines are wanted. Fields that are None are left out."""
    level = logging.WARNING if failed or seconds > SLOW_S else logging.INFO
    if wishes.isEnabledFor(level):
        told = {name: value for name, value in fields().items() if value is not None}
        wishes.log(level, text, extra={"fields": {**told, "duration_ms": round(seconds * 1000, 2)}})


def _fields(record: logging.LogRecord) -> Mapping[str, object]:
    fields: Mapping[str, object] = getattr(record, "fields", {})
    return fields

"""Logging to standard error: JSON for machines, colours for a terminal; never a body, a task's text or a secret."""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Literal

type LogFormat = Literal["auto", "json", "text"]

SLOW_S = 1.0
"""A request or batch that takes longer is logged at warning, like a failed one."""

MAX_IDS_IN_A_LINE = 8
"""Maximum number of request ids in the log line of a batch."""

operations = logging.getLogger("operations")
"""One line for each request and batch: at info on success, at warning when it failed or was slow."""

_COLOURS = {"DEBUG": "2", "INFO": "32", "WARNING": "33", "ERROR": "31", "CRITICAL": "1;31"}


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, logger, message, and the record's fields."""

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
    """One line for people, followed by the record's fields."""

    def __init__(self, *, coloured: bool) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
        self._coloured = coloured

    def format(self, record: logging.LogRecord) -> str:
        head, *traceback = super().format(record).split("\n", 1)
        line = " ".join([head, *(f"{name}={value}" for name, value in _fields(record).items())])
        if self._coloured:
            line = f"\x1b[{_COLOURS.get(record.levelname, '0')}m{line}\x1b[0m"
        return "\n".join([line, *traceback])


def configure_logging(level: str, *, style: LogFormat = "auto", log_each: bool = False) -> None:
    """Sends every record at `level` or above to standard error; for requests and batches, all or only failed and slow
    ones."""
    handler = logging.StreamHandler(sys.stderr)
    terminal = sys.stderr.isatty()
    as_json = style == "json" or (style == "auto" and not terminal)
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter(coloured=terminal))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)  # aio_pika reports the same failures
    operations.setLevel(logging.INFO if log_each else logging.WARNING)


def log_operation(text: str, *, failed: bool, seconds: float, fields: Callable[[], Mapping[str, object]]) -> None:
    """Logs a request or a batch, if its level is enabled. Fields that are None are left out."""
    level = logging.WARNING if failed or seconds > SLOW_S else logging.INFO
    if operations.isEnabledFor(level):
        present = {name: value for name, value in fields().items() if value is not None}
        operations.log(level, text, extra={"fields": {**present, "duration_ms": round(seconds * 1000, 2)}})


def _fields(record: logging.LogRecord) -> Mapping[str, object]:
    fields: Mapping[str, object] = getattr(record, "fields", {})
    return fields

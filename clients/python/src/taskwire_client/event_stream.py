"""Server-sent events out of bytes (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name and its data."""

    name: str
    data: str


@dataclass(slots=True)
class EventParser:
    """The events of one connection. `retry_s` is when to come again, once the server has said it.

    Ids are not kept: those of Taskwire are the revision, which is in the data too.
    """

    retry_s: float | None = None
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8-sig")("replace")
    )
    _rest: str = ""
    _name: str = ""
    _data: list[str] = field(default_factory=list)

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that these bytes complete. Those of the chunk before must have been taken."""
        for line in self._lines(self._decoder.decode(chunk)):
            if line:
                self._take(line)
            elif self._data:
                event = Event(self._name or "message", "\n".join(self._data))
                self._name, self._data = "", []
                yield event
            else:
                self._name = ""

    def _lines(self, text: str) -> list[str]:
        """The complete lines; a carriage return at the end may be half of a line's end, and waits."""
        text = self._rest + text
        held = text.endswith("\r")
        *lines, self._rest = _LINE_END.split(text[:-1] if held else text)
        if held:
            self._rest += "\r"
        return lines

    def _take(self, line: str) -> None:
        """One field; a line that begins with a colon is a comment."""
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._name = value
        elif name == "retry" and value.isascii() and value.isdecimal():
            self.retry_s = int(value) / 1000

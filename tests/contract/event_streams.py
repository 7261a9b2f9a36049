"""An event stream, as a client reads it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

EVENTS_PATH = "/api/{user_id}/events"
PATIENCE_S = 12.0  # for the next bytes; longer than EVENT_CHECK_S


@dataclass(frozen=True)
class Event:
    """What a browser dispatches; `id` is the last one that was sent so far."""

    name: str
    id: str
    data: str

    def json(self) -> Any:
        return json.loads(self.data)


class EventReader:
    """The events of a response, by the rules of the HTML standard; `comments` and `retries` are counted beside."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.comments = 0
        self.retries: list[int] = []
        self._last_id = ""
        self._lines = _lines(response)

    def next(self) -> Event:
        """The next event. Raises StopIteration when the stream ends, and httpx.ReadTimeout when nothing comes."""
        name, data = "message", list[str]()
        for line in self._lines:
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            match field:
                case "event":
                    name = value
                case "id":
                    self._last_id = value
                case "data":
                    data.append(value)
                case "retry":
                    self.retries.append(int(value))
                case "" if line:
                    self.comments += 1
                case "":
                    if data:
                        return Event(name, self._last_id, "\n".join(data))
                    name = "message"
        raise StopIteration

    def rest(self) -> list[Event]:
        """All events until the stream ends."""
        events = []
        while True:
            try:
                events.append(self.next())
            except StopIteration:
                return events


def _lines(response: httpx.Response) -> Iterator[str]:
    """Each line as it comes. httpx's own would end lines at U+2028 too, which JSON may contain."""
    unread = b""
    for part in response.iter_bytes():
        *lines, unread = (unread + part).split(b"\n")
        yield from (line.decode() for line in lines)


@contextmanager
def listening(
    api: httpx.Client, user_id: str, since: int | None = None, headers: Mapping[str, str] | None = None
) -> Iterator[EventReader]:
    """A stream that was answered with 200."""
    parameters = {} if since is None else {"since": str(since)}
    url = EVENTS_PATH.format(user_id=user_id)
    with api.stream("GET", url, params=parameters, headers=headers, timeout=PATIENCE_S) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"] == "text/event-stream"
        yield EventReader(response)

"""Events out of bytes, wherever these are cut."""

import pytest
from taskwire_client.event_stream import Event, EventParser

STREAM = (
    '\ufeffretry: 3127\n\n: a comment\nevent: changes\nid: 7\ndata: {"title":\ndata: "Zoë 🥛"}\n\n'
    "event: reset\r\ndata:now\r\n\r\n: \r\rdata: bare\r\rid: 9\n\nevent: nothing\n\ndata\n\ndata: cut off"
)
EVENTS = [
    Event("changes", '{"title":\n"Zoë 🥛"}'),
    Event("reset", "now"),
    Event("message", "bare"),
    Event("message", ""),
]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 1000])
def test_the_events_are_the_same_however_the_bytes_are_cut(size: int) -> None:
    parser, encoded = EventParser(), STREAM.encode()

    events = [event for at in range(0, len(encoded), size) for event in parser.feed(encoded[at : at + size])]

    assert events == EVENTS
    assert parser.retry_s == 3.127


@pytest.mark.parametrize("value", ["soon", "-1", "1.5", "", "٣"])
def test_a_retry_that_is_no_number_is_ignored(value: str) -> None:
    parser = EventParser()

    assert list(parser.feed(f"retry: {value}\n\n".encode())) == []
    assert parser.retry_s is None

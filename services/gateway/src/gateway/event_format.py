"""Server-sent events as text (https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6)."""

import random

FIRST_RETRY_S, LAST_RETRY_S = 1.0, 5.0
"""When a client that was cut off comes again; each at another moment, since a gateway loses all of its clients at
once."""

HEARTBEAT = b":\n\n"
"""A comment, by which proxies and clients see that the stream is alive, and the gateway that the client is."""


def changes_event(revision: int, changes: bytes | memoryview) -> bytes:
    """What has changed, which is the answer of gateway/changes.py, and the revision reached as the event's id."""
    return b"event: changes\nid: %d\n%b\n" % (revision, _data(bytes(changes)))


def reset_event(revision: int) -> bytes:
    """The client's copy cannot be brought up to date by changes; `revision` is the present one.

    It has no id: a client that is cut off before it has a new copy comes again with the id that it had, and is told
    again.
    """
    return b"event: reset\n%b\n" % _data(b'{"revision": %d}' % revision)


def retry() -> bytes:
    """Says after how many milliseconds to come again, drawn anew each time."""
    return b"retry: %d\n\n" % (random.uniform(FIRST_RETRY_S, LAST_RETRY_S) * 1000)  # noqa: S311 - jitter


def _data(text: bytes) -> bytes:
    """A field for each line: the client joins them again. PostgreSQL's JSON has line feeds, but no carriage returns."""
    return b"data: %b\n" % text.replace(b"\n", b"\ndata: ")

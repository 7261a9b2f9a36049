"""The clients that wait for events, by their users.

Nothing waits per client: a stream is an answer that stays open (common/http_server/open_answer.py), to which whoever
has news writes. gateway/event_hub.py decides when to look for news.
"""

from collections.abc import Callable
from uuid import UUID

from common.http_server.open_answer import OpenAnswer

from gateway.event_format import retry
from gateway.metrics import EVENTS_SENT, STREAMS_ENDED

OPENING = -1
"""The revision of a stream whose first event is not written yet. No user has it."""


class EventStream:
    """One client: it has the changes up to `revision`, and is heard until `valid_until`, in seconds since 1970."""

    __slots__ = ("_answer", "_on_end", "feed", "is_open", "revision", "valid_until")

    def __init__(self, feed: "Feed", valid_until: float, on_end: "Callable[[EventStream], None]") -> None:
        self.feed = feed
        self.revision = OPENING
        self.valid_until = valid_until
        self.is_open = True
        self._on_end = on_end
        self._answer: OpenAnswer | None = None

    @property
    def takes_events(self) -> bool:
        """Whether its client has read what was sent. A slow one gets later changes at once, when it reads again."""
        return self._answer is not None and self._answer.is_writable

    def send(self, text: bytes) -> None:
        """Writes to a client that takes events."""
        if self._answer is not None:
            self._answer.write(text)

    def end(self, reason: str) -> None:
        """Ends the answer, for this reason in the metrics; the client comes again, if it wants."""
        answer = self._answer
        self._close(reason)
        if answer is not None:
            answer.end(retry())

    # Called by the server: see common.http_server.open_answer.Stream.

    def opened(self, answer: OpenAnswer) -> None:
        self._answer = answer
        self.feed.look_again()  # hints may have come since its first event was read

    def lost(self) -> None:
        self._close("disconnected")

    def drain(self) -> None:
        self.end("drained")

    def _close(self, reason: str) -> None:
        self._answer = None
        if self.is_open:
            self.is_open = False
            STREAMS_ENDED.labels(reason).inc()
            self._on_end(self)


class Feed:
    """The streams of one user. `on_behind` is called whenever one of them may be behind."""

    __slots__ = ("_hinted", "_on_behind", "looks", "streams", "user_id")

    def __init__(self, user_id: UUID, on_behind: "Callable[[Feed], None]") -> None:
        self.user_id = user_id
        self.streams: set[EventStream] = set()
        self.looks = 0
        """How often news was looked for since the last hint."""
        self._hinted = OPENING
        self._on_behind = on_behind

    def hint(self, revision: int) -> None:
        """Somebody says that the user has reached this revision."""
        if revision > self._hinted:
            self._hinted = revision
            self.looks = 0
        self.look_again()

    def look_again(self) -> None:
        """Asks for news if the last hint has not come true yet."""
        if self.is_behind:
            self._on_behind(self)

    @property
    def is_behind(self) -> bool:
        """Whether a stream that takes events is not where the last hint says that the user is."""
        return any(stream.revision < self._hinted and stream.takes_events for stream in self.streams)

    def revisions(self) -> set[int]:
        """Where the streams are that take events."""
        return {stream.revision for stream in self.streams if stream.takes_events}

    def send(self, kind: str, text: bytes, *, since: int, revision: int) -> None:
        """Brings the streams that are at `since` to `revision`, by one text for all of them."""
        for stream in self.streams:
            if stream.revision == since and stream.takes_events:
                stream.revision = revision
                stream.send(text)
                EVENTS_SENT.labels(kind).inc()

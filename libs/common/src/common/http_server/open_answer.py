"""Responses that stay open after the app has returned, so that a client who waits for events costs no task (ADR 24).

The app starts a response as any other, sends its first part with `more_body`, and then this message through ASGI's
`send`. From then on the stream writes to the answer whenever it has something, and the request is none in progress.
"""

from typing import Protocol

STREAM = "taskwire.http.response.stream"
"""The type of the message; its `stream` is a Stream."""


class OpenAnswer(Protocol):
    """The body of a response that stays open. Nothing may be written after its end, or once the client is lost."""

    @property
    def is_writable(self) -> bool:
        """Whether the client reads: False while more is unsent than the connection's buffers should hold."""
        ...

    def write(self, part: bytes) -> None:
        """Sends a part of the body."""
        ...

    def end(self, part: bytes) -> None:
        """Sends the last part. The connection then waits for its next request, unless the server stops."""
        ...


class Stream(Protocol):
    """Who writes to an open answer. None of these calls may wait or raise."""

    def opened(self, answer: OpenAnswer) -> None:
        """The answer is open."""
        ...

    def lost(self) -> None:
        """The client has disconnected, perhaps before the answer was open."""
        ...

    def drain(self) -> None:
        """The server stops: the stream should end its answer now."""
        ...

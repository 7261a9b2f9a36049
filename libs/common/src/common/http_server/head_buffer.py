"""Buffers received bytes until a head is complete."""

from common.http.problems import HEAD_TOO_LARGE, Problem
from common.http_server.head import END, Head, is_head_prefix, malformed, read_head

_CR_ONLY = 1  # byte: a CR whose LF has not arrived


class HeadBuffer:
    """The unread bytes of one connection. A head has `max_bytes` at most."""

    def __init__(self, max_bytes: int) -> None:
        self.received = bytearray()
        self._max_bytes = max_bytes
        self._checked_bytes = 0
        self._last_head = b""

    @property
    def has_begun(self) -> bool:
        """Whether part of a head has arrived. Empty lines before a head do not count (RFC 9112, 2.2)."""
        return self._checked_bytes > _CR_ONLY

    @property
    def last_head(self) -> bytes:
        """The last head, complete or not."""
        return self._last_head or bytes(self.received)

    def read(self) -> Head | None:
        """Removes and returns the next head; None while it is incomplete. Raises a problem when it is invalid or too
        large."""
        received = self.received
        while received.startswith(b"\r\n"):
            del received[:2]
        self._last_head = b""
        end = received.find(END, max(0, self._checked_bytes - len(END)))
        if (end if end >= 0 else len(received)) + len(END) > self._max_bytes:
            raise Problem(HEAD_TOO_LARGE, f"The request line and headers must not exceed {self._max_bytes} bytes.")
        if end < 0:
            if not is_head_prefix(received, self._checked_bytes):
                raise malformed("The request could not be parsed as HTTP/1.1.")
            self._checked_bytes = len(received)
            return None
        self._last_head = bytes(received[: end + len(END)])
        del received[: len(self._last_head)]
        self._checked_bytes = 0
        return read_head(self._last_head)

"""The end of a head, looked for in what has arrived."""

from common.http.problems import HEAD_TOO_LARGE, Problem
from common.http_server.head import END, Head, can_become_a_head, malformed, read_head

_HALF_EMPTY_LINE = 1  # byte: a CR, whose LF has not come yet


class HeadBuffer:
    """What has arrived on one connection and was not read. Heads have `max_bytes` at most."""

    def __init__(self, max_bytes: int) -> None:
        self.received = bytearray()
        self._max_bytes = max_bytes
        self._checked_bytes = 0
        self._last_head = b""

    @property
    def has_begun(self) -> bool:
        """Whether a part of a head is there. Empty lines before a head are none (RFC 9112, 2.2)."""
        return self._checked_bytes > _HALF_EMPTY_LINE

    @property
    def last_head(self) -> bytes:
        """What was, or was going to be, the last head."""
        return self._last_head or bytes(self.received)

    def read(self) -> Head | None:
        """The next head, removed, once it is whole. Raises a problem for one that is none, or is too large."""
        received = self.received
        while received.startswith(b"\r\n"):
            del received[:2]
        self._last_head = b""
        end = received.find(END, max(0, self._checked_bytes - len(END)))
        if (end if end >= 0 else len(received)) + len(END) > self._max_bytes:
            raise Problem(HEAD_TOO_LARGE, f"Address and headers may have {self._max_bytes} bytes together.")
        if end < 0:
            if not can_become_a_head(received, self._checked_bytes):
                raise malformed("The request could not be parsed as HTTP/1.1.")
            self._checked_bytes = len(received)
            return None
        self._last_head = bytes(received[: end + len(END)])
        del received[: len(self._last_head)]
        self._checked_bytes = 0
        return read_head(self._last_head)

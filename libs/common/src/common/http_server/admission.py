"""Limits the number of concurrent requests, and decides which one is rejected at the limit."""

from typing import Protocol

from common.http.problems import OVERLOADED, SLOW_BODY, Problem


def too_many_requests() -> Problem:
    """The 503 problem of a request over the limit."""
    return Problem(OVERLOADED, "Too many requests are in progress. Nothing was done; try again later.")


class Arriving(Protocol):
    """A request whose body has not fully arrived."""

    def fail(self, problem: Problem) -> None:
        """Ends the wait for the body with this problem."""
        ...


class Admission:
    """Counts requests; those that wait for their bodies are counted separately.

    Otherwise clients that announce bodies and never send them would block everybody else. As many requests may wait for
    bodies as may be in progress. One more evicts the one that has waited longest: so there is always room for a body
    that arrives immediately, and slow bodies compete only with each other.
    """

    def __init__(self, max_requests: int) -> None:
        self._max_requests = max_requests
        self._arriving: dict[Arriving, None] = {}  # longest wait first

    def has_room(self, requests: int) -> bool:
        """Whether one more request may start while `requests` are in progress."""
        return requests - len(self._arriving) < self._max_requests

    def await_body(self, request: Arriving) -> None:
        """Marks `request` as waiting for its body. Calling it again changes nothing."""
        if request in self._arriving:
            return
        if len(self._arriving) >= self._max_requests:
            oldest = next(iter(self._arriving))
            self.forget(oldest)
            oldest.fail(
                Problem(SLOW_BODY, "Too many request bodies are incomplete, and this one has waited the longest.")
            )
        self._arriving[request] = None

    def body_arrived(self, request: Arriving, requests: int) -> None:
        """Counts `request` among the running ones again. Raises a 503 problem when there are too many of them by
        now."""
        if request in self._arriving:
            self.forget(request)
            if not self.has_room(requests - 1):
                raise too_many_requests()

    def forget(self, request: Arriving) -> None:
        """Marks `request` as no longer waiting for its body."""
        self._arriving.pop(request, None)

"""How many requests one process has in hand, and which must go when there are too many."""

from typing import Protocol

from common.http.problems import OVERLOADED, SLOW_BODY, Problem


def too_many_requests() -> Problem:
    """What a request gets that finds no room."""
    return Problem(OVERLOADED, "Too many requests are in hand. Nothing was done; try again later.")


class Arriving(Protocol):
    """A request whose body is on its way."""

    def fail(self, problem: Problem) -> None:
        """Ends the wait for the body with this."""
        ...


class Admission:
    """Counts requests; one that waits for its body is counted apart.

    Otherwise clients that announce bodies and never send them would keep everybody else out. As many of those may wait
    as requests may be in hand. One more, and the one that has waited longest goes: so there is always room for a body
    that comes at once, and a body's chance shrinks with the number of those who withhold theirs.
    """

    def __init__(self, max_requests: int) -> None:
        self._max_requests = max_requests
        self._arriving: dict[Arriving, None] = {}  # the longest wait first

    def has_room(self, requests: int) -> bool:
        """Whether one more may begin, where `requests` have begun and not ended."""
        return requests - len(self._arriving) < self._max_requests

    def await_body(self, request: Arriving) -> None:
        """From now on `request` waits for its body; it may be told so again."""
        if request in self._arriving:
            return
        if len(self._arriving) >= self._max_requests:
            oldest = next(iter(self._arriving))
            self.forget(oldest)
            oldest.fail(Problem(SLOW_BODY, "Too many bodies are on their way, and this one took the longest."))
        self._arriving[request] = None

    def body_arrived(self, request: Arriving, requests: int) -> None:
        """Counts `request` among the others again. Raises a 503 problem when these are too many by now."""
        if request in self._arriving:
            self.forget(request)
            if not self.has_room(requests - 1):
                raise too_many_requests()

    def forget(self, request: Arriving) -> None:
        """`request` waits for its body no longer."""
        self._arriving.pop(request, None)

"""Prometheus metrics of HTTP requests."""

from collections.abc import Callable

from prometheus_client import Counter, Histogram

from common.http.problems import (
    CODING_UNKNOWN,
    HEAD_TOO_LARGE,
    INTERNAL,
    MALFORMED_REQUEST,
    OVERLOADED,
    SLOW_HEAD,
    VERSION_UNKNOWN,
    ProblemType,
)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# With bounds at WRITE_DEADLINE_S and READ_TIMEOUT_S as they come: what was answered in time is known, not guessed.
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5)

REQUEST_SECONDS = Histogram(
    "taskwire_http_request_seconds",
    "Duration of HTTP requests, from the head of the request to the end of the response; route is the path template",
    ["method", "route", "status"],
    buckets=BUCKETS_S,
)

REQUESTS_REFUSED = Counter(
    "taskwire_http_requests_refused",
    "Requests that the server rejected before they reached a route; reason is the last part of the problem type",
    ["reason"],
)
for _problem in (CODING_UNKNOWN, HEAD_TOO_LARGE, INTERNAL, MALFORMED_REQUEST, OVERLOADED, SLOW_HEAD, VERSION_UNKNOWN):
    REQUESTS_REFUSED.labels(_problem.slug)  # at 0: Prometheus sees no increase when a series starts at 1

type Observe = Callable[[float, dict[str, str] | None], None]

_observers: dict[tuple[str, str, int], Observe] = {}  # cached by labels


def observe_request(method: str, route: str | None, status: int, seconds: float, trace_id: str | None = None) -> None:
    """Records an answered request; `route` is None when no route matched. A traced one is its bucket's exemplar, which
    costs 1.5 µs.
    """
    key = (method, route or "none", status)
    observe = _observers.get(key) or _observer(*key)
    observe(seconds, None if trace_id is None else {"trace_id": trace_id})


def count_refusal(problem: ProblemType) -> None:
    """Counts a request that was rejected before it reached the app."""
    REQUESTS_REFUSED.labels(problem.slug).inc()


def _observer(method: str, route: str, status: int) -> Observe:
    """A client may send any method: only known ones are cached and get their own label value."""
    known = method in METHODS
    observe = REQUEST_SECONDS.labels(method if known else "other", route, str(status)).observe
    if known:
        _observers[method, route, status] = observe
    return observe

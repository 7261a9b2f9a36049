"""What Prometheus learns of HTTP requests."""

from collections.abc import Callable

from prometheus_client import Histogram

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

REQUEST_SECONDS = Histogram(
    "taskwire_http_request_seconds",
    "HTTP requests, from their head to the end of the answer; route is the path's template",
    ["method", "route", "status"],
    buckets=BUCKETS_S,
)

type Observe = Callable[[float], None]

_observers: dict[tuple[str, str, int], Observe] = {}  # of each set of labels, once it was seen


def observe_request(method: str, route: str | None, status: int, seconds: float) -> None:
    """Counts a request that was answered; without a `route`, its path is none of ours."""
    key = (method, route or "none", status)
    observe = _observers.get(key) or _observer(*key)
    observe(seconds)


def _observer(method: str, route: str, status: int) -> Observe:
    """A method may be any word: only those of HTTP are kept, and get labels of their own."""
    known = method in METHODS
    observe = REQUEST_SECONDS.labels(method if known else "other", route, str(status)).observe
    if known:
        _observers[method, route, status] = observe
    return observe

"""State of one request that is shared between modules, beside the ASGI scope's own keys."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Protocol

from starlette.types import Scope

from common.contracts.message import Operation

KEY = "taskwire"
"""The one key of ours in the ASGI scope."""


class RateLimit(Protocol):
    """A token bucket that a request has used."""

    def headers(self) -> tuple[bytes, bytes]:
        """Policy and state, as in the response headers."""
        ...

    def charge(self, tokens: int) -> None:
        """Takes more tokens for the request. Raises a 429 problem."""
        ...


@dataclass(slots=True)
class RequestState:
    """Created and logged by `common.http.app.App`; filled in by the code that handles the request."""

    request_id: str
    traceparent: str | None = None
    reason: str | None = None
    """Why the request was answered with an error, for the log."""
    operations: Sequence[Operation] = ()
    """The operations of a batch request."""
    valid_until: float = inf
    """When the credentials of the request expire, in seconds since 1970."""
    rate_limits: list[RateLimit] = field(default_factory=list)
    """Each token bucket that the request used."""


def state_of(scope: Scope) -> RequestState:
    """The state of the scope's request."""
    state: RequestState = scope[KEY]
    return state

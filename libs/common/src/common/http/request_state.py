"""What the parts of a service tell each other of one request, beside what ASGI says of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from starlette.types import Scope

from common.contracts.message import Operation

KEY = "taskwire"
"""Of the ASGI scope: nothing else of ours is in it."""


@dataclass(slots=True)
class RequestState:
    """Begun by `common.http.app.App`, which also logs it. The parts that work on the request complete it."""

    request_id: str
    traceparent: str | None = None
    reason: str | None = None
    """Why the request was answered with an error, for the log."""
    operations: Sequence[Operation] = ()
    """Those of a batch that came in one request."""
    rate_limits: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Policy and state of each token bucket that the request took from, as the answer's headers name them."""


def state_of(scope: Scope) -> RequestState:
    """The state of the scope's request."""
    state: RequestState = scope[KEY]
    return state

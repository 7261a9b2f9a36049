"""Health of a service, derived from its own traffic instead of extra requests.

Only a component that is down or unused is checked, and rarely: a serverless database that is suspended stays suspended.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Literal

type Enough = Callable[[list[bool]], bool]
"""Decides readiness from whether each component is not down: `any` or `all`."""

type State = Literal["up", "down", "unknown"]

CHECK_EVERY_S = 5.0
CHECK_WITHIN_S = 0.8  # Kubernetes waits a second for a probe
DOWN_AFTER_S = 1.0  # an overloaded component fails some requests: it is down once none has succeeded for this long


class Component:
    """One dependency of a service. Its users report whether it worked.

    `check` probes it; it is called while the component is not known to be up, every CHECK_EVERY_S at most. `clock` is
    monotonic, in seconds.
    """

    def __init__(
        self, check: Callable[[], Awaitable[object]] | None = None, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._check = check
        self._clock = clock
        self._worked_at = self._failed_at = self._checked_at = float("-inf")
        self.reason: str | None = None
        """Why it is down, if known."""

    def worked(self) -> None:
        """Reports a success."""
        self._worked_at = self._clock()
        self.reason = None

    def failed(self) -> None:
        """Reports a failure: it is down unless it worked less than DOWN_AFTER_S ago."""
        self._failed_at = self._clock()

    def lost(self, reason: str | None = None) -> None:
        """Marks it as down until it works again."""
        self._worked_at = float("-inf")
        self.reason = reason
        self.failed()

    @property
    def state(self) -> State:
        """The last known state; `unknown` before the first use."""
        if self._failed_at > self._worked_at + DOWN_AFTER_S:
            return "down"
        return "unknown" if self._worked_at == float("-inf") else "up"

    async def look(self) -> State:
        """The state, after a check if one is due. Takes CHECK_WITHIN_S at most, and raises nothing."""
        if self._check is not None and self.state != "up" and self._clock() > self._checked_at + CHECK_EVERY_S:
            self._checked_at = self._clock()
            try:
                async with asyncio.timeout(CHECK_WITHIN_S):
                    await self._check()
            except Exception:  # any error counts, and is logged where it occurred
                self.failed()
        return self.state


class Health:
    """The components of a service by name. It is ready from start to stop, while `enough` of them are not down."""

    def __init__(self, service: str, *, enough: Enough) -> None:
        self.service = service
        self.components: dict[str, Component] = {}
        self._enough = enough
        self._serves = False

    def start(self, **components: Component) -> None:
        """Marks the service as serving, with these components."""
        self.components.update(components)
        self._serves = True

    def stop(self) -> None:
        """Marks the service as not ready: it accepts no new work."""
        self._serves = False

    async def look(self) -> tuple[bool, Mapping[str, State]]:
        """Whether the service is ready, and the state of each component."""
        states = await asyncio.gather(*(component.look() for component in self.components.values()))
        ready = self._serves and self._enough([state != "down" for state in states])
        return ready, dict(zip(self.components, states, strict=True))

    def reasons(self) -> Mapping[str, str]:
        """Why components are down, where known."""
        return {name: component.reason for name, component in self.components.items() if component.reason is not None}

"""Whether a service can do its work: told from what its own traffic met with, so that nobody is asked for it.

Only a part that is down, or was never used, is looked at by a check, and seldom: a database that sleeps may sleep on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Literal

type Enough = Callable[[list[bool]], bool]
"""Whether these parts, those that are not down being true, will do: `any` or `all`."""

type State = Literal["up", "down", "unknown"]

CHECK_EVERY_S = 5.0
CHECK_WITHIN_S = 0.8  # Kubernetes waits a second for a probe
DOWN_AFTER_S = 1.0  # an overloaded part fails some and serves others: it is down once none has worked for so long


class Part:
    """One thing that a service needs. Those who use it say whether that worked.

    `check` uses it once, for nothing; it is called while the part is not known to be up, CHECK_EVERY_S apart at least.
    `clock` tells seconds, and never goes back.
    """

    def __init__(
        self, check: Callable[[], Awaitable[object]] | None = None, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._check = check
        self._clock = clock
        self._worked_at = self._failed_at = self._checked_at = float("-inf")
        self.reason: str | None = None
        """Why it is down, where that is known."""

    def worked(self) -> None:
        """It was used, with success."""
        self._worked_at = self._clock()
        self.reason = None

    def failed(self) -> None:
        """It could not be used. That makes it down unless it worked a moment ago."""
        self._failed_at = self._clock()

    def lost(self, reason: str | None = None) -> None:
        """It is certainly down, until it works again."""
        self._worked_at = float("-inf")
        self.reason = reason
        self.failed()

    @property
    def state(self) -> State:
        """As far as is known; `unknown` until it is used for the first time."""
        if self._failed_at > self._worked_at + DOWN_AFTER_S:
            return "down"
        return "unknown" if self._worked_at == float("-inf") else "up"

    async def look(self) -> State:
        """The state, after a check where one is due. Takes CHECK_WITHIN_S at most, and raises nothing."""
        if self._check is not None and self.state != "up" and self._clock() > self._checked_at + CHECK_EVERY_S:
            self._checked_at = self._clock()
            try:
                async with asyncio.timeout(CHECK_WITHIN_S):
                    await self._check()
            except Exception:  # whatever it is, and it is in the log already
                self.failed()
        return self.state


class Health:
    """The parts of a service by name. It is ready from its start to its stop, while `enough` of them are not down."""

    def __init__(self, service: str, *, enough: Enough) -> None:
        self.service = service
        self.parts: dict[str, Part] = {}
        self._enough = enough
        self._serves = False

    def start(self, **parts: Part) -> None:
        """From now on the service takes work, with these parts."""
        self.parts.update(parts)
        self._serves = True

    def stop(self) -> None:
        """From now on the service takes no new work: it is not ready."""
        self._serves = False

    async def look(self) -> tuple[bool, Mapping[str, State]]:
        """Whether the service is ready, and the state of each part."""
        states = await asyncio.gather(*(part.look() for part in self.parts.values()))
        ready = self._serves and self._enough([state != "down" for state in states])
        return ready, dict(zip(self.parts, states, strict=True))

    def reasons(self) -> Mapping[str, str]:
        """Why parts are down, of those that say so."""
        return {name: part.reason for name, part in self.parts.items() if part.reason is not None}

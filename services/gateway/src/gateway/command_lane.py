"""The lane of the writes: sends commands to the bus link in batches, and returns each outcome by its deadline."""

import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from common.bus.spans import commands_span
from common.contracts.outcomes import Outcome
from common.runtime.time_limits import time_limit

from gateway.batching import Batcher, BatchLimits
from gateway.bus_session import NO_ANSWER, NotSent, OutcomeUnknown
from gateway.clock_skew import ClockSkew
from gateway.commands import AnyCommand, seconds_left
from gateway.metrics import measured, show_lane
from gateway.waiting import Full, RejectionPacer

TOO_MANY = Outcome(status="refused", reason="Too many writes are waiting.")
EXPIRED = Outcome(status="expired", reason="The write's deadline passed before it could be sent.")
UNANSWERED = Outcome(status="unknown", reason=NO_ANSWER)


class Link(Protocol):
    """The lane's view of `gateway.bus_link.BusLink`."""

    @property
    def refusal(self) -> str | None: ...
    async def ask(self, commands: Sequence[AnyCommand], within_s: float) -> Sequence[Outcome]: ...
    async def refusing(self) -> str: ...
    async def usable(self) -> None: ...


class Waiting(Protocol):
    """What waits in a lane."""

    sent: bool


class LaneByDeadline[W: Waiting, Answer]:
    """What the lanes of commands and of batches have in common. Belongs to one event loop."""

    def __init__(self, link: Link, batcher: Batcher[W, Answer | Outcome]) -> None:
        self._link, self._batcher = link, batcher
        self._rejections = RejectionPacer()

    async def keep_refusing(self) -> None:
        """Runs for ever: when the link refuses, answers all that wait as refused.

        Batches in flight may still be answered, and hold their slots until then.
        """
        while True:
            self._batcher.answer_waiting(Outcome(status="refused", reason=await self._link.refusing()))
            await self._link.usable()

    async def _answer(self, command: AnyCommand, waiting: W) -> Answer | Outcome:
        """The answer by the deadline of `command`, for whose user it waits. Rejections and outages are outcomes."""
        if self._link.refusal is not None:
            return Outcome(status="refused", reason=self._link.refusal)
        try:
            with time_limit(seconds_left(command)):
                return await self._batcher.submit(command["user_id"], waiting)
        except Full:
            await self._rejections.wait()
            return TOO_MANY
        except TimeoutError:
            return UNANSWERED if waiting.sent else EXPIRED


@dataclass(slots=True)
class _Waiting:
    command: AnyCommand
    sent: bool = False


class CommandLane(LaneByDeadline[_Waiting, Outcome]):
    """Batches commands for the link."""

    def __init__(self, link: Link, limits: BatchLimits) -> None:
        super().__init__(link, Batcher(measured("commands", self._ask), limits))
        show_lane("commands", self._batcher)
        self._clock_skew = ClockSkew()

    def call(self, command: AnyCommand) -> Coroutine[Any, Any, Outcome]:
        """The outcome of `command`, by its deadline. Rejections and outages are outcomes, too."""
        return self._answer(command, _Waiting(command))

    async def _ask(self, waiting: Sequence[_Waiting]) -> Sequence[Outcome]:
        """Sends a batch without its expired commands; returns the outcomes of all."""
        live = [one for one in waiting if seconds_left(one.command) > 0]
        for one in live:
            one.sent = True
        commands = [one.command for one in live]
        with commands_span("send", (command.get("traceparent") for command in commands)):
            outcomes = iter(await outcomes_of(self._link, commands, self._clock_skew) if live else ())
        return [next(outcomes) if one.sent else EXPIRED for one in waiting]


async def outcomes_of(link: Link, commands: Sequence[AnyCommand], clock_skew: ClockSkew) -> Sequence[Outcome]:
    """The outcomes of one message, whatever becomes of it. Waits until the latest deadline in it."""
    asked_at = time.time()
    try:
        outcomes = await link.ask(commands, max(seconds_left(command) for command in commands))
    except NotSent as error:
        outcome = Outcome(status="refused", reason=str(error))
    except OutcomeUnknown as error:
        outcome = Outcome(status="unknown", reason=str(error))
    else:
        clock_skew.observe(commands, outcomes, asked_at)
        return outcomes
    return [outcome] * len(commands)

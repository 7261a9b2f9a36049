"""The lane of the requests with many operations: each is one message, one at a time, apart from all other writes.

A message of a thousand commands takes a hundred times as long as an ordinary batch. In the command lane it would hold a
slot for that long, and others would wait for it. Here it waits for its own kind only, and the task-writers and
PostgreSQL have one such message of each gateway at most. See ADR 23.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from common.bus.spans import commands_span
from common.contracts.outcomes import Outcome

from gateway.batching import Batcher, BatchLimits
from gateway.clock_skew import ClockSkew
from gateway.command_lane import EXPIRED, LaneByDeadline, Link, outcomes_of
from gateway.commands import AnyCommand, seconds_left
from gateway.metrics import measured, show_lane

MAX_WAITING = 16
"""One user may have a quarter of them. With up to 1 MiB each, they are the lane's memory."""

type Answer = Outcome | Sequence[Outcome]
"""The outcomes of all commands; one outcome stands for all of them."""


@dataclass(slots=True)
class _Waiting:
    commands: Sequence[AnyCommand]
    sent: bool = False


def _commands_in(batch: Sequence[_Waiting]) -> int:
    return sum(len(one.commands) for one in batch)


class BatchLane(LaneByDeadline[_Waiting, Sequence[Outcome]]):
    """Sends the commands of one request as one message."""

    def __init__(self, link: Link, *, longest_wait_s: float) -> None:
        limits = BatchLimits(max_batch=1, max_in_flight=1, max_waiting=MAX_WAITING, longest_wait_s=longest_wait_s)
        super().__init__(link, Batcher(measured("batches", self._ask, _commands_in), limits))
        show_lane("batches", self._batcher)
        self._clock_skew = ClockSkew()

    async def call(self, commands: Sequence[AnyCommand]) -> Sequence[Outcome]:
        """The outcomes of the commands of one user, in order, by the deadline that they share. Rejections and outages
        are outcomes, too."""
        answer = await self._answer(commands[0], _Waiting(commands))
        return [answer] * len(commands) if isinstance(answer, Outcome) else answer

    async def _ask(self, batch: Sequence[_Waiting]) -> Sequence[Answer]:
        (waiting,) = batch
        if seconds_left(waiting.commands[0]) <= 0:
            return [EXPIRED]
        waiting.sent = True
        with commands_span("send", (command.get("traceparent") for command in waiting.commands)):
            return [await outcomes_of(self._link, waiting.commands, self._clock_skew)]

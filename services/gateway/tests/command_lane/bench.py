"""A command lane whose link is the test: it receives each batch, and answers it on demand."""

import asyncio
import time
from collections.abc import Sequence
from itertools import count
from uuid import uuid4

from common.contracts.commands import CommandBatch, ToggleTask
from common.contracts.outcomes import Outcome
from common.runtime.time_limits import time_limit
from gateway.batching import BatchLimits
from gateway.bus_session import DOWN, LOST, NO_ANSWER, NotSent, OutcomeUnknown
from gateway.command_lane import CommandLane
from gateway.commands import AnyCommand, encode_commands

from tests.commands import plain, toggle
from tests.waiting import turns

LIMIT_S = 30.0
"""How long a test waits for what must happen."""

DONE = Outcome(status="done", task="{}")

type Sent = tuple[int, CommandBatch]


def command(*, within_s: float = 30.0) -> ToggleTask:
    """A command whose deadline is `within_s` seconds away."""
    return toggle(uuid4(), uuid4(), expires_in_s=within_s)


class PlayedLink:
    """Takes batches and refuses them as BusLink says; the test answers. `failure` is what asking raises, if any."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[Sent] = asyncio.Queue()
        self.failure: Exception | None = None
        self.refusal: str | None = None
        self._changed = asyncio.Condition()
        self._numbers = count()
        self._replies: dict[int, asyncio.Future[Sequence[Outcome]]] = {}

    async def ask(self, commands: Sequence[AnyCommand], within_s: float) -> Sequence[Outcome]:
        if self.refusal is not None:
            raise NotSent(self.refusal)
        number = next(self._numbers)
        reply: asyncio.Future[Sequence[Outcome]] = asyncio.get_running_loop().create_future()
        self._replies[number] = reply
        self.sent.put_nowait((number, CommandBatch.model_validate_json(encode_commands(commands))))
        if self.failure is not None:
            raise self.failure
        try:
            with time_limit(within_s):
                return await reply
        except TimeoutError:
            raise OutcomeUnknown(NO_ANSWER) from None

    def answer(self, number: int, outcomes: Sequence[Outcome]) -> None:
        """The reply to a batch."""
        if not self._replies[number].done():
            self._replies[number].set_result(outcomes)

    async def refusing(self) -> str:
        async with self._changed:
            await self._changed.wait_for(lambda: self.refusal is not None)
        return self.refusal or ""

    async def usable(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self.refusal is None)

    async def set_refusal(self, refusal: str | None) -> None:
        """Takes nothing from now on, for this reason, or takes batches again. What has left may be answered yet."""
        self.refusal = refusal
        async with self._changed:
            self._changed.notify_all()

    async def lose(self) -> None:
        """The outcome of what is on its way is unknown, and nothing is taken."""
        await self.set_refusal(DOWN)
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(OutcomeUnknown(LOST))


class Bench:
    """A lane and its link; `sent` holds the batches that left it, in order."""

    def __init__(self, *, max_batch: int = 128, max_in_flight: int = 1, max_waiting: int = 4096) -> None:
        self.link = PlayedLink()
        self.sent = self.link.sent
        self.lane = CommandLane(self.link, BatchLimits(max_batch, max_in_flight, max_waiting, longest_wait_s=60))

    async def call(self, *commands: ToggleTask) -> list[asyncio.Task[Outcome]]:
        """Calls for all commands in one turn of the event loop; returns when what can leave has left."""
        calls = [asyncio.create_task(self.lane.call(plain(one))) for one in commands]
        await idle()
        return calls

    async def next_batch(self) -> Sent:
        """The next batch that leaves the lane."""
        return await asyncio.wait_for(self.sent.get(), LIMIT_S)

    async def answer_next(self, outcomes: Sequence[Outcome] | None = None) -> CommandBatch:
        """Answers the next batch, each of its commands with DONE unless `outcomes` are given."""
        number, batch = await self.next_batch()
        self.link.answer(number, [DONE] * len(batch.commands) if outcomes is None else outcomes)
        await idle()
        return batch


async def idle() -> None:
    """Lets the event loop do all that can be done without waiting for anything."""
    await turns(10)


def keep_busy(seconds: float) -> None:
    """Keeps the event loop from doing anything for so long, as a large body or a slow machine does."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


async def outcomes_of(calls: Sequence[asyncio.Task[Outcome]]) -> list[Outcome]:
    """What the calls were answered, within the test's limit."""
    return list(await asyncio.wait_for(asyncio.gather(*calls), LIMIT_S))


async def statuses_of(calls: Sequence[asyncio.Task[Outcome]]) -> list[str]:
    """As outcomes_of, the statuses alone."""
    return [outcome.status for outcome in await outcomes_of(calls)]

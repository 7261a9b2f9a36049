"""A command bus whose broker is the test: it takes each batch as it leaves, and answers when it likes."""

import asyncio
import time
from collections.abc import Sequence
from uuid import UUID, uuid4

from common.contracts import CommandBatch, Outcome, ToggleTask
from gateway.batching import BatchLimits
from gateway.command_bus import CommandBus

from tests.commands import toggle
from tests.waiting import turns

LIMIT_S = 5.0
"""How long a test waits for what must happen."""

DONE = Outcome(status="done", task="{}")

type Sent = tuple[UUID, CommandBatch]


def command(*, within_s: float = 30.0) -> ToggleTask:
    """A command whose deadline is `within_s` seconds away."""
    return toggle(uuid4(), uuid4(), expires_in_s=within_s)


class Bench:
    """A connected bus; `sent` holds the batches that left it, in order. `refusal` is what publishing raises, if any."""

    def __init__(self, *, max_batch: int = 128, max_in_flight: int = 1, max_waiting: int = 4096) -> None:
        self.sent: asyncio.Queue[Sent] = asyncio.Queue()
        self.refusal: Exception | None = None
        self.bus = CommandBus(self._publish, BatchLimits(max_batch, max_in_flight, max_waiting, longest_wait_s=60))
        self.bus.connected()

    async def _publish(self, batch_id: UUID, batch: CommandBatch) -> None:
        self.sent.put_nowait((batch_id, batch))
        if self.refusal is not None:
            raise self.refusal

    async def call(self, *commands: ToggleTask) -> list[asyncio.Task[Outcome]]:
        """Calls for all commands in one turn of the event loop; returns when what can leave has left."""
        calls = [asyncio.create_task(self.bus.call(one)) for one in commands]
        await idle()
        return calls

    async def next_batch(self) -> Sent:
        """The next batch that leaves the bus."""
        return await asyncio.wait_for(self.sent.get(), LIMIT_S)

    async def answer_next(self, outcomes: Sequence[Outcome] | None = None) -> CommandBatch:
        """Answers the next batch, each of its commands with DONE unless `outcomes` are given."""
        batch_id, batch = await self.next_batch()
        self.bus.receive(batch_id, [DONE] * len(batch.commands) if outcomes is None else outcomes)
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

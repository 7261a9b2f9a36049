"""More writes than the bus takes: one user's flood is refused, and nobody else is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import aiohttp
from common.contracts import CommandBatch, Outcome
from gateway.app import create_app
from gateway.batching import BatchLimits
from gateway.command_bus import CommandBus

from tests.ports import closed_port
from tests.serving import Answer, serving
from tests.waiting import eventually

from .in_process import settings

PLACES = 8
SHARE = PLACES // 4


class StuckBus(CommandBus):
    """Takes one command at a time, and answers none until it is let go."""

    def __init__(self) -> None:
        super().__init__(self._take, BatchLimits(max_batch=1, max_in_flight=1, max_waiting=PLACES, longest_wait_s=60))
        self.taken = 0
        self.let_go = asyncio.Event()

    async def _take(self, batch_id: UUID, batch: CommandBatch) -> None:
        self.taken += 1
        await self.let_go.wait()
        self.receive(batch_id, [Outcome(status="done", task="{}")] * len(batch.commands))


@asynccontextmanager
async def stuck_gateway() -> AsyncIterator[tuple[aiohttp.ClientSession, StuckBus]]:
    bus = StuckBus()
    bus.connected()
    with closed_port() as nobody:
        app = create_app(settings(nobody))
        app.state.bus, app.state.settings = bus, settings(nobody, write_deadline_s=30)
        async with (
            serving(app, lifespan="off") as gateway,
            aiohttp.ClientSession(f"http://127.0.0.1:{gateway.port}") as client,
        ):
            yield client, bus


async def create(client: aiohttp.ClientSession, user_id: UUID) -> Answer:
    async with client.post(f"/api/{user_id}/tasks", json={"title": "Buy milk"}) as answer:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status, headers, await answer.read())


async def take_the_slot(client: aiohttp.ClientSession, bus: StuckBus, user_id: UUID) -> asyncio.Task[Answer]:
    """A write that is on its way, so that all others have to wait."""
    first = asyncio.create_task(create(client, user_id))

    async def is_taken() -> bool:
        return bus.taken == 1

    await eventually(is_taken)
    return first


async def test_a_flood_of_one_user_is_refused_beyond_its_share_and_another_user_is_served() -> None:
    anna, bert = uuid4(), uuid4()
    async with stuck_gateway() as (client, bus):
        first = await take_the_slot(client, bus, anna)
        flood = [asyncio.create_task(create(client, anna)) for _ in range(20)]

        async def all_but_the_share_are_answered() -> bool:
            return sum(task.done() for task in flood) == 20 - SHARE

        await eventually(all_but_the_share_are_answered)
        other = asyncio.create_task(create(client, bert))
        bus.let_go.set()

        assert (await first).status == (await other).status == 201
        assert sorted([(await task).status for task in flood]) == [201] * SHARE + [503] * (20 - SHARE)


async def test_a_refusal_says_why_and_when_to_come_back() -> None:
    anna = uuid4()
    async with stuck_gateway() as (client, bus):
        first = await take_the_slot(client, bus, anna)
        flood = [asyncio.create_task(create(client, anna)) for _ in range(SHARE + 1)]
        (refusal,) = [task.result() for task in (await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED))[0]]
        bus.let_go.set()
        await asyncio.gather(first, *flood)

        assert refusal.status == 503
        assert refusal.headers["retry-after"] == "1"
        assert refusal.json()["detail"] == "Too many writes are waiting."

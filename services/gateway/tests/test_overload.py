"""More writes than the link can send: one user's flood is rejected, other users' writes are not."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import aiohttp
from common.contracts.outcomes import Outcome
from gateway.batching import BatchLimits
from gateway.command_lane import CommandLane
from gateway.commands import AnyCommand

from tests.serving import Answer, serving
from tests.waiting import eventually

from .command_lane.bench import PlayedLink
from .in_process import app_without_servers, settings

PLACES = 8
SHARE = PLACES // 4


class StuckLink(PlayedLink):
    """Answers nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = 0
        self.let_go = asyncio.Event()

    async def ask(self, commands: Sequence[AnyCommand], within_s: float) -> Sequence[Outcome]:
        self.taken += 1
        await self.let_go.wait()
        return [Outcome(status="done", task="{}")] * len(commands)


@asynccontextmanager
async def stuck_gateway() -> AsyncIterator[tuple[aiohttp.ClientSession, StuckLink]]:
    """A gateway that sends one command at a time."""
    link = StuckLink()
    lane = CommandLane(link, BatchLimits(max_batch=1, max_in_flight=1, max_waiting=PLACES, longest_wait_s=60))
    app = app_without_servers()
    app.state.commands, app.state.settings = lane, settings(1, write_deadline_s=30)
    async with (
        serving(app, lifespan="off") as gateway,
        aiohttp.ClientSession(f"http://127.0.0.1:{gateway.port}") as client,
    ):
        yield client, link


async def create(client: aiohttp.ClientSession, user_id: UUID) -> Answer:
    async with client.post(f"/api/{user_id}/tasks", json={"title": "Buy milk"}) as answer:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status, headers, await answer.read())


async def take_the_slot(client: aiohttp.ClientSession, link: StuckLink, user_id: UUID) -> asyncio.Task[Answer]:
    """A write that is on its way, so that all others have to wait."""
    first = asyncio.create_task(create(client, user_id))

    async def is_taken() -> bool:
        return link.taken == 1

    await eventually(is_taken)
    return first


async def test_a_flood_of_one_user_is_refused_beyond_its_share_and_another_user_is_served() -> None:
    anna, bert = uuid4(), uuid4()
    async with stuck_gateway() as (client, link):
        first = await take_the_slot(client, link, anna)
        flood = [asyncio.create_task(create(client, anna)) for _ in range(20)]

        async def all_but_the_share_are_answered() -> bool:
            return sum(task.done() for task in flood) == 20 - SHARE

        await eventually(all_but_the_share_are_answered)
        other = asyncio.create_task(create(client, bert))
        link.let_go.set()

        assert (await first).status == (await other).status == 201
        assert sorted([(await task).status for task in flood]) == [201] * SHARE + [503] * (20 - SHARE)


async def test_a_refusal_says_why_and_when_to_come_back() -> None:
    anna = uuid4()
    async with stuck_gateway() as (client, link):
        first = await take_the_slot(client, link, anna)
        flood = [asyncio.create_task(create(client, anna)) for _ in range(SHARE + 1)]
        (refusal,) = [task.result() for task in (await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED))[0]]
        link.let_go.set()
        await asyncio.gather(first, *flood)

        assert refusal.status == 503
        assert refusal.headers["retry-after"] == "1"
        assert refusal.json()["detail"] == "Too many writes are waiting."

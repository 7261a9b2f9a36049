"""The lane of requests with many operations: one message each, one at a time, apart from single writes."""

import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid4

from common.contracts.commands import AnyCommand
from common.contracts.outcomes import Outcome
from gateway.batch_lane import MAX_WAITING, BatchLane
from gateway.batching import BatchLimits
from gateway.bus_session import DOWN
from gateway.command_lane import EXPIRED, TOO_MANY, UNANSWERED, CommandLane

from tests.commands import create, plain

from .command_lane.bench import DONE, LIMIT_S, PlayedLink, idle


def commands(count: int, *, user: UUID | None = None, within_s: float = 30.0) -> list[AnyCommand]:
    user = user or uuid4()
    return [create(user, expires_in_s=within_s) for _ in range(count)]


class Lane:
    """A batch lane whose link is the test."""

    def __init__(self) -> None:
        self.link = PlayedLink()
        self.lane = BatchLane(self.link, longest_wait_s=60)

    async def call(self, *lists: Sequence[AnyCommand]) -> list[asyncio.Task[Sequence[Outcome]]]:
        calls = [asyncio.create_task(self.lane.call([plain(command) for command in one])) for one in lists]
        await idle()
        return calls

    async def answer_next(self) -> Sequence[AnyCommand]:
        number, batch = await asyncio.wait_for(self.link.sent.get(), LIMIT_S)
        self.link.answer(number, [DONE] * len(batch.commands))
        await idle()
        return batch.commands


async def outcomes(call: asyncio.Task[Sequence[Outcome]]) -> list[Outcome]:
    return list(await asyncio.wait_for(call, LIMIT_S))


async def test_each_request_is_one_message_and_they_go_one_after_the_other() -> None:
    lane = Lane()
    first, second = commands(1_000), commands(3)

    calls = await lane.call(first, second)

    assert lane.link.sent.qsize() == 1
    assert await lane.answer_next() == first
    assert await lane.answer_next() == second
    assert [len(await outcomes(call)) for call in calls] == [1_000, 3]


async def test_users_take_turns() -> None:
    lane = Lane()
    anna, bert = uuid4(), uuid4()
    lists = [commands(2, user=user) for user in (anna, anna, anna, bert)]

    await lane.call(*lists)

    order = [(await lane.answer_next())[0].user_id for _ in lists]
    assert order == [anna, bert, anna, anna]


async def test_a_user_has_a_quarter_of_the_places_and_beyond_it_the_whole_request_is_refused() -> None:
    lane = Lane()
    anna = uuid4()
    await lane.call(commands(1))

    calls = await lane.call(*(commands(2, user=anna) for _ in range(MAX_WAITING // 4 + 1)))

    assert await outcomes(calls[-1]) == [TOO_MANY] * 2
    assert not any(call.done() for call in calls[:-1])


async def test_without_a_free_place_a_request_is_refused() -> None:
    lane = Lane()
    await lane.call(commands(1))

    calls = await lane.call(*(commands(2) for _ in range(MAX_WAITING + 1)))

    assert await outcomes(calls[-1]) == [TOO_MANY] * 2
    assert not any(call.done() for call in calls[:-1])


async def test_what_waits_past_its_deadline_was_certainly_not_done_and_what_was_sent_is_unknown() -> None:
    lane = Lane()

    sent, waiting = await lane.call(commands(2, within_s=0.5), commands(3, within_s=0.1))

    assert await outcomes(sent) == [UNANSWERED] * 2
    assert await outcomes(waiting) == [EXPIRED] * 3


async def test_a_link_that_refuses_refuses_what_waits_and_what_comes() -> None:
    lane = Lane()
    refusing = asyncio.create_task(lane.lane.keep_refusing())
    sent, waiting = await lane.call(commands(1), commands(2))

    await lane.link.set_refusal(DOWN)
    (late,) = await lane.call(commands(3))

    refused = Outcome(status="refused", reason=DOWN)
    assert await outcomes(waiting) == [refused] * 2
    assert await outcomes(late) == [refused] * 3
    assert not sent.done()
    await lane.answer_next()
    assert await outcomes(sent) == [DONE]
    refusing.cancel()


async def test_a_batch_in_flight_holds_up_no_single_write() -> None:
    lane = Lane()
    singles = CommandLane(lane.link, BatchLimits(max_batch=128, max_in_flight=1, max_waiting=64, longest_wait_s=60))
    await lane.call(commands(1_000), commands(1_000))
    await asyncio.wait_for(lane.link.sent.get(), LIMIT_S)

    single = asyncio.create_task(singles.call(plain(create())))
    await idle()

    number, _ = lane.link.sent.get_nowait()
    lane.link.answer(number, [DONE])
    assert await asyncio.wait_for(single, LIMIT_S) == DONE


async def test_a_lost_link_leaves_the_outcome_of_all_unknown() -> None:
    lane = Lane()
    (sent,) = await lane.call(commands(2))

    await lane.link.lose()

    assert {one.status for one in await outcomes(sent)} == {"unknown"}

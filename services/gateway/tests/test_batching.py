"""Batching alone: whatever `send` does, every item is answered, and its slot is freed."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import uuid4

import pytest
from gateway.batching import Batcher, BatchLimits
from gateway.waiting import Full

from tests.waiting import turns

LIMIT_S = 30.0

type Send = Callable[[Sequence[int]], Awaitable[Sequence[int]]]

ONE_AT_A_TIME = BatchLimits(max_batch=3, max_in_flight=1, max_waiting=100, longest_wait_s=60)


async def doubled(items: Sequence[int]) -> list[int]:
    await turns()
    return [2 * item for item in items]


async def broken(_: Sequence[int]) -> list[int]:
    raise ConnectionError("down")


async def short(items: Sequence[int]) -> list[int]:
    return [2 * item for item in items[1:]]


async def long(items: Sequence[int]) -> list[int]:
    return [*items, 0]


async def ends_of(answers: Sequence[asyncio.Future[int]]) -> list[int | BaseException]:
    """How each item ended: its answer, or what it raised."""
    return list(await asyncio.wait_for(asyncio.gather(*answers, return_exceptions=True), LIMIT_S))


async def test_each_item_gets_its_own_answer() -> None:
    batcher = Batcher(doubled, ONE_AT_A_TIME)

    answers = [batcher.submit(uuid4(), item) for item in range(20)]

    assert await ends_of(answers) == [2 * item for item in range(20)]


async def test_what_sending_raises_every_item_of_the_batch_raises() -> None:
    batcher = Batcher(broken, ONE_AT_A_TIME)

    ends = await ends_of([batcher.submit(uuid4(), item) for item in range(7)])

    assert {type(end) for end in ends} == {ConnectionError}


@pytest.mark.parametrize("send", [short, long])
async def test_a_wrong_number_of_answers_is_an_answer_to_nobody(send: Send) -> None:
    batcher = Batcher(send, ONE_AT_A_TIME)

    ends = await ends_of([batcher.submit(uuid4(), item) for item in range(7)])

    assert [type(end) for end in ends] == [ValueError] * 7


async def test_an_item_beyond_those_that_may_wait_is_refused() -> None:
    batcher = Batcher(doubled, BatchLimits(max_batch=1, max_in_flight=1, max_waiting=2, longest_wait_s=60))
    answers = [batcher.submit(uuid4(), item) for item in range(2)]

    with pytest.raises(Full):
        batcher.submit(uuid4(), 2)

    assert await ends_of(answers) == [0, 2]


async def test_all_that_wait_can_be_answered_at_once() -> None:
    batcher = Batcher(doubled, ONE_AT_A_TIME)
    answers = [batcher.submit(uuid4(), item) for item in range(7)]

    batcher.answer_waiting(-1)

    assert await ends_of(answers) == [-1] * 7


async def test_an_item_that_is_taken_back_does_not_leave() -> None:
    left: list[int] = []

    async def send(items: Sequence[int]) -> Sequence[int]:
        left.extend(items)
        return items

    batcher = Batcher(send, ONE_AT_A_TIME)
    answers = [batcher.submit(uuid4(), item) for item in range(3)]
    answers.pop(1).cancel()

    await ends_of(answers)

    assert left == [0, 2]


async def test_an_item_that_is_taken_back_on_its_way_harms_no_neighbour() -> None:
    on_its_way = asyncio.Event()

    async def send(items: Sequence[int]) -> list[int]:
        on_its_way.set()
        return await doubled(items)

    batcher = Batcher(send, ONE_AT_A_TIME)
    answers = [batcher.submit(uuid4(), item) for item in range(3)]
    await asyncio.wait_for(on_its_way.wait(), LIMIT_S)
    answers.pop(0).cancel()

    assert await ends_of(answers) == [2, 4]


class Desk:
    """Holds every batch until the test lets it answer."""

    def __init__(self) -> None:
        self.batches: asyncio.Queue[Sequence[int]] = asyncio.Queue()
        self.answer = asyncio.Event()

    async def send(self, items: Sequence[int]) -> Sequence[int]:
        self.batches.put_nowait(items)
        await self.answer.wait()
        return items

    async def next_size(self) -> int:
        return len(await asyncio.wait_for(self.batches.get(), LIMIT_S))


async def test_a_free_slot_is_taken_once_half_as_many_wait_as_are_on_their_way() -> None:
    desk = Desk()
    batcher = Batcher(desk.send, BatchLimits(max_batch=100, max_in_flight=2, max_waiting=100, longest_wait_s=60))
    answers = [batcher.submit(uuid4(), item) for item in range(10)]
    first = await desk.next_size()

    answers += [batcher.submit(uuid4(), item) for item in range(10, 15)]

    assert (first, await desk.next_size()) == (10, 5)
    desk.answer.set()
    await ends_of(answers)


async def test_a_few_that_wait_behind_many_spend_no_slot_until_there_are_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.batching.MAX_LINGER_S", 60.0)
    desk = Desk()
    batcher = Batcher(desk.send, BatchLimits(max_batch=100, max_in_flight=2, max_waiting=100, longest_wait_s=60))
    answers = [batcher.submit(uuid4(), item) for item in range(10)]
    await desk.next_size()

    answers += [batcher.submit(uuid4(), item) for item in range(10, 14)]
    await turns(5)
    waited = (batcher.waiting, batcher.in_flight)
    answers.append(batcher.submit(uuid4(), 14))

    assert (waited, await desk.next_size()) == ((4, 1), 5)
    desk.answer.set()
    await ends_of(answers)


async def test_a_few_that_wait_behind_many_leave_soon_all_the_same() -> None:
    desk = Desk()
    batcher = Batcher(desk.send, BatchLimits(max_batch=100, max_in_flight=2, max_waiting=100, longest_wait_s=60))
    answers = [batcher.submit(uuid4(), item) for item in range(10)]
    await desk.next_size()

    answers.append(batcher.submit(uuid4(), 10))

    assert await desk.next_size() == 1
    desk.answer.set()
    await ends_of(answers)


async def test_the_next_batch_leaves_before_the_answers_of_the_last_are_handed_out() -> None:
    events: list[str] = []

    async def send(items: Sequence[int]) -> list[int]:
        events.append(f"sent {items}")
        await turns()
        return list(items)

    batcher = Batcher(send, BatchLimits(max_batch=1, max_in_flight=1, max_waiting=100, longest_wait_s=60))
    answers = [batcher.submit(uuid4(), item) for item in range(2)]
    answers[0].add_done_callback(lambda answer: events.append(f"answered {answer.result()}"))

    await ends_of(answers)

    assert events == ["sent [0]", "sent [1]", "answered 0"]


async def test_many_batches_that_end_at_once_all_end() -> None:
    batcher = Batcher(broken, BatchLimits(max_batch=1, max_in_flight=1, max_waiting=5000, longest_wait_s=60))

    ends = await ends_of([batcher.submit(uuid4(), item) for item in range(5000)])

    assert {type(end) for end in ends} == {ConnectionError}

"""One timer serves a limit that changes often, and is never late or early."""

import asyncio

import pytest
from common.runtime.deadlines import Deadline

from tests.waiting import eventually


class Calls:
    """What a deadline has called."""

    def __init__(self) -> None:
        self.names: list[str] = []

    async def are(self, *names: str) -> None:
        async def came() -> bool:
            return self.names == list(names)

        await eventually(came)


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
async def deadline() -> Deadline:
    return Deadline(asyncio.get_running_loop())


async def test_it_comes_when_it_is_due_and_once(deadline: Deadline, calls: Calls) -> None:
    deadline.set(0.01, lambda: calls.names.append("due"))

    await calls.are("due")


async def test_an_earlier_one_takes_the_place_of_a_later_one(deadline: Deadline, calls: Calls) -> None:
    deadline.set(60, lambda: calls.names.append("late"))
    deadline.set(0.01, lambda: calls.names.append("early"))

    await calls.are("early")


async def test_a_later_one_is_not_called_when_the_earlier_was_due(deadline: Deadline, calls: Calls) -> None:
    began = asyncio.get_running_loop().time()
    deadline.set(0.01, lambda: calls.names.append("early"))
    deadline.set(0.2, lambda: calls.names.append("late"))

    await calls.are("late")
    assert asyncio.get_running_loop().time() - began >= 0.2


@pytest.mark.parametrize("end", [Deadline.clear, Deadline.stop])
async def test_one_that_is_cleared_is_not_called(deadline: Deadline, calls: Calls, end: object) -> None:
    deadline.set(0.01, lambda: calls.names.append("cleared"))
    end(deadline)  # type: ignore[operator]
    other = Deadline(asyncio.get_running_loop())
    other.set(0.05, lambda: calls.names.append("other"))

    await calls.are("other")

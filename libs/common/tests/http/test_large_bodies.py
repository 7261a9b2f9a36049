"""Large bodies: a few at a time, so that their memory is bounded."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from common.http.problems import BODY_TOO_LARGE, OVERLOADED, Problem
from common.http.request_body import LargeBodies
from starlette.requests import Request
from starlette.types import Message

ORDINARY, LARGE, MAX = b"x" * 10, b"x" * 11, b"x" * 100


def bodies(places: int = 1) -> LargeBodies:
    return LargeBodies(max_bytes=len(MAX), ordinary_bytes=len(ORDINARY), places=places)


def request(*chunks: bytes, then: Exception | None = None) -> Request:
    """A request whose body arrives in these chunks."""

    async def messages() -> AsyncIterator[Message]:
        for chunk in chunks:
            yield {"type": "http.request", "body": chunk, "more_body": True}
        if then is not None:
            raise then
        yield {"type": "http.request", "body": b"", "more_body": False}

    return Request({"type": "http", "method": "POST", "headers": []}, messages().__anext__)


async def kind_of(large: LargeBodies, sent: Request) -> object:
    with pytest.raises(Problem) as caught:
        async with large.body_of(sent):
            pass
    return caught.value.kind


@pytest.mark.parametrize("body", [b"", ORDINARY, LARGE, MAX], ids=len)
async def test_a_body_up_to_the_limit_is_read(body: bytes) -> None:
    async with bodies().body_of(request(body[:5], body[5:])) as read:
        assert read == body


async def test_a_byte_more_is_413() -> None:
    assert await kind_of(bodies(), request(MAX, b"x")) == BODY_TOO_LARGE


async def test_without_a_free_place_a_large_body_is_503_and_an_ordinary_one_is_read() -> None:
    large = bodies(places=2)
    async with AsyncExitStack() as held:
        for _ in range(2):
            await held.enter_async_context(large.body_of(request(LARGE)))

        assert await kind_of(large, request(LARGE)) == OVERLOADED
        async with large.body_of(request(ORDINARY)) as read:
            assert read == ORDINARY

    async with large.body_of(request(LARGE)) as read:
        assert read == LARGE


async def test_a_body_that_breaks_off_gives_its_place_back() -> None:
    large = bodies()

    with pytest.raises(ConnectionError):
        async with large.body_of(request(LARGE, then=ConnectionError())):
            pass

    assert await kind_of(large, request(MAX, b"x")) == BODY_TOO_LARGE
    async with large.body_of(request(LARGE)) as read:
        assert read == LARGE


async def test_a_client_that_is_cancelled_gives_its_place_back() -> None:
    large, entered = bodies(), asyncio.Event()

    async def hold() -> None:
        async with large.body_of(request(LARGE)):
            entered.set()
            await asyncio.Event().wait()

    holding = asyncio.create_task(hold())
    await entered.wait()
    holding.cancel()
    await asyncio.wait([holding])

    async with large.body_of(request(LARGE)) as read:
        assert read == LARGE

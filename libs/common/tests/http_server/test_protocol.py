"""Each request that was sent gets its answer, in order, however its connection ends."""

from common.http_server.protocol import HttpLimits

from .place import HELD, SOUND, Open


async def test_a_client_that_half_closes_gets_its_answers(opened: Open) -> None:
    place = await opened(HttpLimits())
    client = await place.client(HELD + SOUND)
    client.requests.write_eof()

    place.let_go.set()

    assert [await client.status() for _ in range(3)] == [200, 200, 0]


async def test_what_follows_the_last_answer_resets_nothing(opened: Open) -> None:
    place = await opened(HttpLimits())
    client = await place.client(SOUND.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + SOUND * 1000)

    assert [await client.status() for _ in range(2)] == [200, 0]


async def test_an_error_waits_for_the_response_in_flight(opened: Open) -> None:
    place = await opened(HttpLimits())
    client = await place.client(HELD + b"GARBAGE\r\n\r\n")
    assert await (await place.client(b"GARBAGE\r\n\r\n")).status() == 400  # the first one's has been there as long

    place.let_go.set()

    assert [await client.status() for _ in range(3)] == [200, 400, 0]

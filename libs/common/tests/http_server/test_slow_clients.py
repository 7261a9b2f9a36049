"""Clients that are slow have a time limit for each part of a request and of its answer, and hold up nobody."""

import pytest
from common.http_server.protocol import HttpLimits

from tests.waiting import eventually

from .place import ENDLESS_HEAD, HELD, LARGE, LARGE_BYTES, SOUND, Open, kind

UNREAD_BODY = b"POST /quick HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf"


async def test_a_head_that_never_ends_is_408(opened: Open) -> None:
    place = await opened(HttpLimits(head_timeout_s=0.3))

    head, body = await (await place.client(ENDLESS_HEAD)).to_end()

    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in head
    assert kind(body) == "slow-head"


async def test_a_head_that_trickles_in_is_408_too(opened: Open) -> None:
    place = await opened(HttpLimits(head_timeout_s=0.3))
    client = await place.client(ENDLESS_HEAD)

    assert await client.status_while_sending(b"b") == 408


async def test_a_second_head_on_a_kept_connection_has_its_limit_too(opened: Open) -> None:
    place = await opened(HttpLimits(head_timeout_s=0.3))
    client = await place.client(SOUND)
    assert await client.status() == 200

    client.requests.write(ENDLESS_HEAD)

    assert await client.status() == 408


async def test_a_connection_that_says_nothing_is_closed(opened: Open) -> None:
    place = await opened(HttpLimits(head_timeout_s=0.2))

    assert await (await place.client()).to_end() == (b"", b"")


async def test_many_slow_heads_hold_up_nobody(opened: Open) -> None:
    place = await opened(HttpLimits())
    for _ in range(200):
        await place.client(ENDLESS_HEAD)

    assert await (await place.client(SOUND)).status() == 200


async def test_a_slow_head_cuts_off_no_answer_that_is_under_way(opened: Open) -> None:
    place = await opened(HttpLimits(head_timeout_s=0.2))
    client = await place.client(HELD + ENDLESS_HEAD)
    assert await (await place.client(ENDLESS_HEAD)).status() == 408  # the first one's time has passed too

    place.let_go.set()

    assert await client.status() == 200


async def test_an_idle_connection_is_kept(opened: Open) -> None:
    place = await opened(HttpLimits(head_timeout_s=0.2))
    client = await place.client(SOUND)
    assert await client.status() == 200
    assert await (await place.client(ENDLESS_HEAD)).status() == 408  # a head's time has passed

    client.requests.write(SOUND)

    assert await client.status() == 200


@pytest.mark.parametrize("between", [b"", b"\r\n", b"\r", b"\r\n\r\n"], ids=["nothing", "CR LF", "CR", "two lines"])
async def test_an_idle_connection_ends_whatever_comes_between_requests(opened: Open, between: bytes) -> None:
    place = await opened(HttpLimits(keep_alive_s=0.3))
    client = await place.client(SOUND)
    assert await client.status() == 200

    client.requests.write(between)

    assert await client.status() == 0


async def test_empty_lines_without_an_end_keep_no_connection(opened: Open) -> None:
    place = await opened(HttpLimits(keep_alive_s=0.3))
    client = await place.client(SOUND)
    assert await client.status() == 200

    assert await client.status_while_sending(b"\r\n") == 0


async def test_a_body_that_nobody_reads_must_come_to_an_end(opened: Open) -> None:
    place = await opened(HttpLimits(head_timeout_s=0.3))
    client = await place.client(UNREAD_BODY)

    assert await client.status() == 200
    assert await client.status() == 0


async def test_the_rest_of_an_unread_body_may_still_come(opened: Open) -> None:
    place = await opened(HttpLimits(head_timeout_s=5))
    client = await place.client(UNREAD_BODY)
    assert await client.status() == 200

    client.requests.write(b"x" * 996 + SOUND)

    assert await client.status() == 200


async def test_the_rest_of_a_body_that_trickles_in_ends_too(opened: Open) -> None:
    place = await opened(HttpLimits(head_timeout_s=0.3))
    client = await place.client(UNREAD_BODY)
    assert await client.status() == 200

    assert await client.status_while_sending(b"x") == 0


async def test_a_client_that_does_not_read_is_cut_off(opened: Open) -> None:
    place = await opened(HttpLimits(answer_timeout_s=0.3))
    client = await place.client(LARGE)
    client.requests.transport.pause_reading()  # type: ignore[attr-defined]

    async def is_cut_off() -> bool:
        client.requests.write(b" ")
        return client.requests.transport.is_closing()

    await eventually(is_cut_off, within_s=5)


async def test_a_long_answer_that_is_read_comes_whole(opened: Open) -> None:
    place = await opened(HttpLimits(answer_timeout_s=5))

    _, body = await (await place.client(LARGE)).to_end()

    assert len(body) == LARGE_BYTES

"""Each mode of a line does to its bytes what its name says."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from faults.lines import Line

LIMIT_S = 5.0
type Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(1000):
        writer.write(chunk)
    writer.close()


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    opened = Line(server.sockets[0].getsockname()[1])
    await opened.open()
    yield opened
    opened.close()
    server.close()


@pytest.fixture
async def streams(line: Line) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
    assert await answer((reader, writer), b"before") == b"before"
    yield reader, writer
    writer.transport.abort()


async def answer(streams: Streams, sent: bytes) -> bytes:
    reader, writer = streams
    writer.write(sent)
    async with asyncio.timeout(LIMIT_S):
        return await reader.readexactly(len(sent))


async def nothing_comes(streams: Streams) -> bool:
    try:
        async with asyncio.timeout(0.2):
            await streams[0].read(1)
    except TimeoutError:
        return True
    return False


async def is_reset(streams: Streams) -> bool:
    try:
        async with asyncio.timeout(LIMIT_S):
            return await streams[0].read(1) == b""
    except ConnectionResetError:
        return True


async def test_what_is_held_arrives_late(line: Line, streams: Streams) -> None:
    line.hold()
    streams[1].write(b"held")

    assert await nothing_comes(streams)
    line.release()
    assert await answer(streams, b"") == b""
    assert await streams[0].readexactly(4) == b"held"


async def test_what_is_swallowed_never_arrives(line: Line, streams: Streams) -> None:
    line.swallow()
    streams[1].write(b"swallowed")

    assert await nothing_comes(streams)
    line.spit_out()
    assert await is_reset(streams)


async def test_a_cut_may_hit_the_connections_that_have_named_themselves_so(line: Line, streams: Streams) -> None:
    named = await asyncio.open_connection("127.0.0.1", line.port)
    assert await answer(named, b"name=commands") == b"name=commands"

    line.cut(naming=b"name=commands")

    assert await is_reset(named)
    assert await answer(streams, b"again") == b"again"
    named[1].close()


async def test_a_line_that_refuses_resets_new_connections_too(line: Line, streams: Streams) -> None:
    line.refuse()

    assert await is_reset(streams)
    refused = await asyncio.open_connection("127.0.0.1", line.port)
    assert await is_reset(refused)
    refused[1].close()
    line.admit()
    again = await asyncio.open_connection("127.0.0.1", line.port)
    assert await answer(again, b"again") == b"again"
    again[1].close()


async def test_a_cut_line_takes_new_connections(line: Line, streams: Streams) -> None:
    line.cut()

    assert await is_reset(streams)
    again = await asyncio.open_connection("127.0.0.1", line.port)
    assert await answer(again, b"again") == b"again"
    again[1].close()

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from local_stack.ports import pick_port
from local_stack.probes import answers_sql, http_status, listens, speaks_amqp


@asynccontextmanager
async def server_saying(answer: bytes) -> AsyncIterator[int]:
    """A server that answers the first bytes of every connection with `answer` and closes it; yields its port."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(converse, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_nothing_answers_where_nothing_listens() -> None:
    port = pick_port()

    assert not await listens(port)
    assert not await speaks_amqp(port)
    assert not await answers_sql(f"postgresql://someone@127.0.0.1:{port}/any")
    assert await http_status("GET", f"http://127.0.0.1:{port}/") is None


async def test_a_server_of_another_kind_is_no_broker() -> None:
    async with server_saying(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        assert await listens(port)
        assert not await speaks_amqp(port)


async def test_the_status_of_an_http_answer_is_read() -> None:
    async with server_saying(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n") as port:
        assert await http_status("DELETE", f"http://127.0.0.1:{port}/x") == 404


async def test_an_answer_that_is_no_http_has_no_status() -> None:
    async with server_saying(b"") as port:
        assert await http_status("GET", f"http://127.0.0.1:{port}/x") is None

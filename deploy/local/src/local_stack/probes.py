"""Probes of servers. Each returns False, and never raises, while the server is down."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg

_ANSWER_WITHIN_S = 5.0
_AMQP_0_9_1 = b"AMQP\x00\x00\x09\x01"
_METHOD_FRAME = b"\x01"


async def listens(port: int) -> bool:
    """Whether something accepts TCP connections on this loopback port."""
    try:
        async with _connection("127.0.0.1", port):
            return True
    except (OSError, TimeoutError):
        return False


async def speaks_amqp(port: int) -> bool:
    """Whether a broker on this loopback port answers the protocol header with its first method frame."""
    try:
        async with _connection("127.0.0.1", port) as (reader, writer):
            writer.write(_AMQP_0_9_1)
            return await reader.read(1) == _METHOD_FRAME
    except (OSError, TimeoutError):
        return False


async def answers_sql(database_url: str) -> bool:
    """Whether PostgreSQL lets this user in and answers a query."""
    try:
        async with await psycopg.AsyncConnection.connect(database_url, connect_timeout=5) as connection:
            await connection.execute("select 1")
    except psycopg.OperationalError:
        return False
    return True


async def http_status(method: str, url: str) -> int | None:
    """The status of the answer to a request without a body; None when there is no answer within 5 s."""
    words = (await _http_answer(method, url)).partition(b"\r\n")[0].split()
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else None


async def json_answer(url: str) -> Any:
    """The JSON that a GET is answered with, whatever the status; None when there is no such answer within 5 s."""
    try:
        return json.loads((await _http_answer("GET", url)).partition(b"\r\n\r\n")[2])
    except ValueError:
        return None


async def _http_answer(method: str, url: str) -> bytes:
    """Head and body of the answer, which must not be chunked; nothing when the server is down."""
    parts = urlsplit(url)
    request = f"{method} {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
    try:
        async with _connection(parts.hostname or "127.0.0.1", parts.port or 80) as (reader, writer):
            writer.write(request.encode())
            return await reader.read()
    except (OSError, TimeoutError):
        return b""


@asynccontextmanager
async def _connection(host: str, port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async with asyncio.timeout(_ANSWER_WITHIN_S):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            yield reader, writer
        finally:
            writer.close()

"""A connection's socket stays with the event loop between statements, and never longer than it is open."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import psycopg
import pytest
from common.postgres.connections import ClosingConnection
from local_stack.postgres import Postgres
from psycopg import AsyncClientCursor

from tests.conftest import Addresses
from tests.waiting import eventually, turns

type End = Callable[[ClosingConnection, psycopg.AsyncConnection], Awaitable[None]]

WITHIN_S = 5.0


@asynccontextmanager
async def connected(addresses: Addresses) -> AsyncIterator[ClosingConnection]:
    connection = await ClosingConnection.connect(
        addresses.reader, autocommit=True, prepare_threshold=None, cursor_factory=AsyncClientCursor
    )
    try:
        yield connection
    finally:
        await connection.close()


async def answer_of(connection: ClosingConnection, text: str) -> object:
    async with asyncio.timeout(WITHIN_S):
        return await (await connection.execute(text.encode())).fetchone()


async def ends_in_a_statement(connection: ClosingConnection, _: psycopg.AsyncConnection) -> None:
    with pytest.raises(psycopg.OperationalError):
        await answer_of(connection, "select pg_terminate_backend(pg_backend_pid())")


async def is_closed(connection: ClosingConnection, _: psycopg.AsyncConnection) -> None:
    await connection.close()


async def is_cancelled(connection: ClosingConnection, _: psycopg.AsyncConnection) -> None:
    waiting = asyncio.create_task(answer_of(connection, "select pg_sleep(60)"))
    await turns(2)  # it has been sent, and waits
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting


async def is_ended_while_idle(connection: ClosingConnection, superuser: psycopg.AsyncConnection) -> None:
    await superuser.execute("select pg_terminate_backend(%s)", [connection.info.backend_pid])

    async def is_let_go() -> bool:
        return not connection.watch.is_watching

    await eventually(is_let_go, within_s=WITHIN_S)
    await connection.close()


ENDS: list[End] = [ends_in_a_statement, is_closed, is_cancelled, is_ended_while_idle]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
async def test_a_socket_that_gets_the_number_of_a_closed_one_is_heard(
    addresses: Addresses, postgres: Postgres, end: End
) -> None:
    numbers = list[int]()
    async with await psycopg.AsyncConnection.connect(postgres.superuser_url, autocommit=True) as superuser:
        for _ in range(4):
            async with connected(addresses) as connection:
                numbers.append(connection.fileno())
                for number in range(3):
                    assert await answer_of(connection, f"select {number}") == (number,)
                assert connection.watch.is_watching
                await end(connection, superuser)
                assert not connection.watch.is_watching

    assert len(set(numbers)) < len(numbers)


async def test_a_statement_ends_when_its_connection_is_closed_meanwhile(addresses: Addresses) -> None:
    async with connected(addresses) as connection:
        waiting = asyncio.create_task(answer_of(connection, "select pg_sleep(60)"))
        await turns(2)

        await connection.close()

        with pytest.raises(psycopg.OperationalError):
            await waiting


async def test_a_statement_that_is_longer_than_any_buffer_is_sent_and_answered(addresses: Addresses) -> None:
    async with connected(addresses) as connection:
        for length in (1, 20_000_000, 1):
            assert await answer_of(connection, f"select length('{'x' * length}')") == (length,)


async def test_an_answer_that_is_longer_than_any_buffer_arrives(addresses: Addresses) -> None:
    async with connected(addresses) as connection:
        for length in (1, 20_000_000, 1):
            assert await answer_of(connection, f"select repeat('x', {length})") == ("x" * length,)

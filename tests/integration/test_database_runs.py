"""How `Database.run` reports work whose connection broke, whatever ends it afterwards, on a real PostgreSQL."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from common.postgres.database import Connection, Database, DatabaseUnavailable, open_database
from common.settings import DatabaseSettings
from hypothesis import given, settings
from hypothesis import strategies as st
from local_stack.postgres import Postgres
from psycopg import DataError, Error, InterfaceError
from psycopg.errors import LockNotAvailable, QueryCanceled, UniqueViolation
from pydantic import SecretStr

from faults.lines import Line, line_to
from tests.conftest import Addresses
from tests.waiting import turns

POOL_TIMEOUT_S, DATABASE_TIMEOUT_S = 0.3, 1.0
ROUNDING_S = 1.5

type Try = Callable[[Connection], Awaitable[str]]


class Planted(Exception):
    """A bug of the work itself."""


async def works(db: Connection) -> str:
    await db.execute("select 1")
    return "done"


async def breaks(db: Connection) -> str:
    await db.execute("select pg_terminate_backend(pg_backend_pid())")
    return "never"


async def breaks_before_anything_is_sent(db: Connection) -> str:
    await db.close()
    return await works(db)


async def violates_a_key(db: Connection) -> str:
    await db.execute("do $$ begin raise unique_violation; end $$")
    return "never"


async def divides_by_zero(db: Connection) -> str:
    await db.execute("select 1 / 0")
    return "never"


async def waits_too_long_for_a_lock(db: Connection) -> str:
    await db.execute("do $$ begin raise lock_not_available; end $$")
    return "never"


async def is_canceled(db: Connection) -> str:
    await db.execute("set local statement_timeout = '10ms'; select pg_sleep(5)")
    return "never"


async def uses_a_closed_cursor(db: Connection) -> str:
    cursor = db.cursor()
    await cursor.close()
    await cursor.execute("select 1")
    return "never"


async def has_a_bug(_: Connection) -> str:
    raise Planted


async def gets_no_answer(db: Connection) -> str:
    await db.execute("select pg_sleep(60)")
    return "never"


BREAKING: list[Try] = [breaks, breaks_before_anything_is_sent]
ENDING: dict[Try, type[Exception] | None] = {
    works: None,
    violates_a_key: UniqueViolation,
    divides_by_zero: DataError,
    waits_too_long_for_a_lock: LockNotAvailable,
    is_canceled: QueryCanceled,
    uses_a_closed_cursor: InterfaceError,
    has_a_bug: Planted,
}


@asynccontextmanager
async def opened(url: str, **given: float) -> AsyncIterator[Database]:
    limits = {"pool_timeout_s": POOL_TIMEOUT_S, "database_timeout_s": DATABASE_TIMEOUT_S} | given
    async with open_database(SecretStr(url), DatabaseSettings(**limits, allow_rls_bypass=True)) as database:  # type: ignore[arg-type]
        await database.run(works)
        yield database


@pytest.fixture
async def database(addresses: Addresses) -> AsyncIterator[Database]:
    async with opened(addresses.writer, pool_timeout_s=10, database_timeout_s=20) as patient:
        yield patient


def in_turn(*tries: Try) -> Try:
    left = iter(tries)

    async def work(db: Connection) -> str:
        return await next(left)(db)

    return work


@pytest.mark.parametrize(("ending", "error"), ENDING.items(), ids=lambda one: getattr(one, "__name__", ""))
async def test_the_error_that_ends_the_first_try_is_raised_as_it_is(
    database: Database, ending: Try, error: type[Exception] | None
) -> None:
    if error is None:
        assert await database.run(ending) == "done"
        return
    with pytest.raises(error):
        await database.run(ending)


def test_whatever_ends_work_whose_connection_broke_it_may_have_been_done(addresses: Addresses) -> None:
    async def check(tries: list[Try], ending: Try) -> None:
        async with opened(addresses.writer, pool_timeout_s=10, database_timeout_s=20) as database:
            work = in_turn(*tries, ending)
            if ending is works:
                assert await database.run(work) == "done"
                return
            with pytest.raises(DatabaseUnavailable) as raised:
                await database.run(work)
            assert raised.value.maybe_done
            assert isinstance(raised.value.__cause__, ENDING[ending] or Error)

    @settings(max_examples=25, deadline=None)
    @given(st.lists(st.sampled_from(BREAKING), min_size=1, max_size=3), st.sampled_from(list(ENDING)))
    def law(tries: list[Try], ending: Try) -> None:
        asyncio.run(check(tries, ending))

    law()


@pytest.mark.parametrize("breaking", BREAKING)
async def test_work_that_breaks_every_connection_ends(addresses: Addresses, breaking: Try) -> None:
    async with opened(addresses.writer) as database:
        began = time.monotonic()
        with pytest.raises(DatabaseUnavailable) as raised:
            await database.run(breaking)

    assert raised.value.maybe_done
    assert time.monotonic() - began < DATABASE_TIMEOUT_S + ROUNDING_S


@pytest.mark.parametrize("tries", [[], BREAKING], ids=["at once", "after others broke"])
async def test_work_without_an_answer_ends_at_the_limit_and_may_have_been_done(
    addresses: Addresses, tries: list[Try]
) -> None:
    async with opened(addresses.writer) as database:
        began = time.monotonic()
        with pytest.raises(DatabaseUnavailable) as raised:
            await database.run(in_turn(*tries, gets_no_answer))

        assert raised.value.maybe_done
        assert time.monotonic() - began < DATABASE_TIMEOUT_S + ROUNDING_S
        assert await database.run(works) == "done"


async def test_without_a_connection_it_is_certain_that_nothing_was_done(addresses: Addresses) -> None:
    async with opened(addresses.writer, pool_size=1, database_timeout_s=60) as database:
        holding = asyncio.create_task(database.run(gets_no_answer))
        await turns()
        with pytest.raises(DatabaseUnavailable) as raised:
            await database.run(works)
        holding.cancel()

    assert not raised.value.maybe_done


@asynccontextmanager
async def swallowing_line(postgres: Postgres) -> AsyncIterator[Line]:
    async with line_to(postgres.port) as line:
        yield line
        line.spit_out()


async def test_who_is_cancelled_waits_for_no_server(postgres: Postgres, addresses: Addresses) -> None:
    async with swallowing_line(postgres) as line:
        url = addresses.writer.replace(f":{postgres.port}/", f":{line.port}/")
        async with opened(url, database_timeout_s=60) as database:
            line.swallow()
            running = asyncio.create_task(database.run(works))
            began = time.monotonic()
            await turns()  # it has sent its statement by then
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            took_s = time.monotonic() - began

    assert took_s < ROUNDING_S

"""Values of statements arrive as they are, and columns come as PostgreSQL writes them."""

import psycopg
import pytest
from common.postgres.database import Connection, Database, open_database
from common.postgres.text_rows import ENCODING, Value, call, text_rows
from common.settings import DatabaseSettings
from psycopg.errors import DivisionByZero
from pydantic import SecretStr

from tests.conftest import Addresses

TEXTS = [
    "",
    "it's",
    "'; drop table tasks; --",
    r"C:\new\'quoted\\",
    '{"title":"a\\nb"}',
    "100 % of %(a)s",
    "$1 :name ?",
    "žluťoučký 🐎",
    "line\r\nline\t",
]
OTHERS: list[tuple[Value, bytes | None]] = [
    (None, None),
    (True, b"t"),
    (False, b"f"),
    (0, b"0"),
    (-5, b"-5"),
    (2**62, b"4611686018427387904"),
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("conforming", ["on", "off"])
async def test_a_text_arrives_as_it_is(reader_database: Database, text: str, conforming: str) -> None:
    async def ask(db: Connection) -> object:
        await db.execute(f"set standard_conforming_strings = {conforming}".encode())
        try:
            return await text_rows(db, "select %(a)s::text, octet_length(%(a)s)", {"a": text})
        finally:
            await db.execute("reset standard_conforming_strings")

    assert await reader_database.run(ask) == [(text.encode(), str(len(text.encode())).encode())]


@pytest.mark.parametrize(("value", "answer"), OTHERS)
async def test_other_values_arrive_as_they_are(reader_database: Database, value: Value, answer: bytes | None) -> None:
    assert await reader_database.run(lambda db: call(db, [("%(a)s", {"a": value}), ("-%(b)s", {"b": 5})])) == (
        answer,
        b"-5",
    )


async def test_a_negative_number_after_a_minus_begins_no_comment(reader_database: Database) -> None:
    assert await reader_database.run(lambda db: text_rows(db, "select 1 -%(a)s", {"a": -5})) == [(b"6",)]


async def test_a_text_with_a_nul_is_refused_and_not_cut(reader_database: Database) -> None:
    with pytest.raises(psycopg.DataError, match="NUL"):
        await reader_database.run(lambda db: text_rows(db, "select %(a)s", {"a": "one\0two"}))


async def test_an_error_of_any_statement_is_raised(reader_database: Database) -> None:
    for text in ("select 1 / 0", "select 1; select 1 / 0", "select 1 / 0; select 1"):
        with pytest.raises(DivisionByZero):
            await reader_database.run(lambda db, text=text: text_rows(db, text, {}))  # type: ignore[misc]


async def test_the_rows_are_those_of_the_first_statement(reader_database: Database) -> None:
    text = "select one, %(a)s from generate_series(1, 2) as one; select 'more'"

    assert await reader_database.run(lambda db: text_rows(db, text, {"a": "x"})) == [(b"1", b"x"), (b"2", b"x")]


async def test_a_closed_connection_is_told_from_an_error_of_the_server(reader_database: Database) -> None:
    tries = list[Connection]()

    async def closed_at_first(db: Connection) -> object:
        tries.append(db)
        if len(tries) == 1:
            await db.close()
        return await text_rows(db, "select 1", {})

    assert await reader_database.run(closed_at_first) == [(b"1",)]
    assert len(tries) == 2


async def test_an_address_cannot_ask_for_texts_in_another_encoding(addresses: Addresses) -> None:
    url = SecretStr(f"{addresses.reader}?client_encoding=latin1")
    async with open_database(url, DatabaseSettings()) as database:
        assert await database.run(lambda db: text_rows(db, "select %(a)s", {"a": "ě🐎"})) == [("ě🐎".encode(),)]


async def test_the_encoding_is_spelled_as_postgresql_does(reader_database: Database) -> None:
    """PgBouncer compares it with what the server says, and would set it before each transaction."""

    async def said(db: Connection) -> str | None:
        return db.info.parameter_status("client_encoding")

    assert await reader_database.run(said) == ENCODING

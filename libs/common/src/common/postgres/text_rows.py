"""Statements below psycopg's cursors: values become literals, and columns stay the bytes that PostgreSQL sends.

A cursor, its adapters and the decoding of what is only passed on take half of the CPU time of a short statement.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from psycopg import AsyncConnection, DataError, OperationalError
from psycopg.errors import error_from_result
from psycopg.generators import execute
from psycopg.pq import ConnStatus, Escaping, ExecStatus

ENCODING = "UTF8"
"""Of all connections, and of the database itself, else `task-writer migrate` refuses it. As PostgreSQL spells it:
PgBouncer compares the spellings, and would set another one anew before each transaction."""

_SUCCESSES = {ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK, ExecStatus.EMPTY_QUERY}

type Value = str | int | bool | None
type Row = tuple[bytes | None, ...]


async def text_rows(db: AsyncConnection[Any], text: str, values: Mapping[str, Value]) -> list[Row]:
    """The rows of the first statement, each column as PostgreSQL writes it: one round trip. Raises psycopg's errors.

    The connection must be in autocommit mode. `text` has values as `%(name)s`, and `%%` for a percent sign.
    """
    return await _rows(db, _spelled(db, text, values))


async def call(db: AsyncConnection[Any], calls: Iterable[tuple[str, Mapping[str, Value]]]) -> Row:
    """The results of function calls, in order: one statement, one round trip.

    Takes 1 to 1,664 calls, PostgreSQL's limit of columns in a row, each with its values. The order of execution is not
    defined. Raises psycopg's errors.
    """
    (row,) = await _rows(db, "select " + ",".join([_spelled(db, text, values) for text, values in calls]))
    return row


def _spelled(db: AsyncConnection[Any], text: str, values: Mapping[str, Value]) -> str:
    return text % {name: literal(db, value) for name, value in values.items()}


def literal(db: AsyncConnection[Any], value: Value) -> str:
    """The value in SQL. Raises psycopg's DataError for text with a NUL, which PostgreSQL cannot hold."""
    if value is None:
        return "null"
    if not isinstance(value, str):
        return f" {value}"  # after a minus sign, that of a negative number would begin a comment
    if "\0" in value:
        raise DataError("PostgreSQL text cannot contain NUL (0x00) bytes")
    return Escaping(db.pgconn).escape_literal(value.encode(ENCODING)).decode(ENCODING)


async def _rows(db: AsyncConnection[Any], text: str) -> list[Row]:
    connection = db.pgconn
    if connection.status != ConnStatus.OK:
        raise OperationalError("the connection is closed")
    connection.send_query(text.encode(ENCODING))
    results = await db.wait(execute(connection))
    for result in results:
        if result.status not in _SUCCESSES:
            raise error_from_result(result, encoding=ENCODING)
    first = results[0]
    columns = range(first.nfields)
    return [tuple([first.get_value(row, column) for column in columns]) for row in range(first.ntuples)]

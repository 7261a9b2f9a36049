"""Fills the product's table with millions of rows, and shows which indexes its queries use."""

from typing import get_args

import psycopg
from common.contracts.reads import Order, Page, Read
from task_reader import queries

from benchmarks.dataset import Group, fill

ORDERS: tuple[Order, ...] = get_args(Order)
ENOUGH_FOR_BOTH_PLANS = 10
"""Calls of a function: PostgreSQL plans five for their own values before it settles on a plan for all."""


async def refill(superuser_url: str, group: Group) -> None:
    """Replaces all rows by the group's. The indexes are built afterwards, which takes a tenth of the time."""
    async with await psycopg.AsyncConnection.connect(superuser_url, autocommit=True) as connection:
        await connection.execute("truncate tasks")
        found = await connection.execute(
            "select indexname, indexdef from pg_indexes where tablename = 'tasks' and indexname <> 'tasks_pkey'"
        )
        definitions: dict[str, str] = dict(await found.fetchall())
        for name in definitions:
            await connection.execute(f"drop index {name}".encode())
        await connection.execute("alter table tasks drop constraint tasks_pkey")
        await fill(superuser_url, group)
        await connection.execute("alter table tasks add primary key (id)")
        for definition in definitions.values():
            await connection.execute(definition.encode())
        await connection.execute("vacuum analyze tasks")
        await connection.execute("checkpoint")


async def indexes_used(reader_url: str, group: Group) -> dict[str, list[str]]:
    """The indexes that each of the reader's queries scans, as the reader's role, under row-level security, by
    PostgreSQL's own counters: EXPLAIN does not look into functions. A scan of the whole table has the table's name.
    """
    user_id = group.user_id(7)
    used: dict[str, list[str]] = {}
    async with await psycopg.AsyncConnection.connect(
        reader_url, autocommit=True, cursor_factory=psycopg.AsyncClientCursor
    ) as connection:
        reads = {"GET one task": Read(user_id=user_id, task_id=group.task_id(7)), "GET list": Read(user_id=user_id)}
        reads |= {f"GET page by {order}": Read(user_id=user_id, page=Page(order=order, limit=10)) for order in ORDERS}
        for name, read in reads.items():
            before = await _scans(connection)
            for _ in range(ENOUGH_FOR_BOTH_PLANS):
                await queries.answer_reads(connection, [read])
            after = await _scans(connection)
            used[name] = [what for what, count in after.items() if count > before[what]]
    return used


async def _scans(connection: psycopg.AsyncConnection) -> dict[str, int]:
    """How often each index of the table, and the table itself, was scanned so far."""
    await connection.execute("select pg_stat_force_next_flush()")
    found = await connection.execute(
        "select indexrelname, idx_scan from pg_stat_user_indexes where relname = 'tasks' "
        "union all select relname, seq_scan from pg_stat_user_tables where relname = 'tasks'"
    )
    return dict(await found.fetchall())

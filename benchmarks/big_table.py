"""A table of millions of rows in the product's database, and what its queries do there."""

import re

import psycopg
from task_reader import queries

from benchmarks.dataset import Group, fill


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
    """The indexes in PostgreSQL's plans of the reader's queries, as the reader's role, under row-level security."""
    values = {"user_id": str(group.user_id(7)), "task_id": str(group.task_id(7))}
    used: dict[str, list[str]] = {}
    async with await psycopg.AsyncConnection.connect(reader_url) as connection:
        for name, sql in (("GET one task", queries.FIND_TASK), ("GET list", queries.LIST_TASKS)):
            text = psycopg.AsyncClientCursor(connection).mogrify(sql.encode(), values)
            setting, _, query = text.partition(";")
            await connection.execute(setting.encode())
            plan = await connection.execute(b"explain " + query.encode())
            lines = "\n".join(row[0] for row in await plan.fetchall())
            used[name] = re.findall(r"(?:using|Index Scan on) (\w+)", lines)
    return used

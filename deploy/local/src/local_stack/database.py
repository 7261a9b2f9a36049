"""The owner's role and the database in a server of its own, and the addresses of the other roles."""

from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql


def role_url(database_url: str, role: str, password: str) -> str:
    """The same database, addressed as another role."""
    parts = urlsplit(database_url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{quote(role)}:{quote(password, safe='')}@{host}").geturl()


async def create_owner_and_database(superuser_url: str, owner_url: str) -> None:
    """Makes the role and database of `owner_url` where they are missing, and gives the role its password.

    The owner may create roles, because the migrations create the writer's and the reader's; it is no superuser and
    row-level security binds it like everyone else.
    """
    parts = urlsplit(owner_url)
    role, database = sql.Identifier(parts.username or ""), sql.Identifier(parts.path.lstrip("/"))
    async with await psycopg.AsyncConnection.connect(superuser_url, autocommit=True, connect_timeout=10) as connection:
        known = await connection.execute("select 1 from pg_roles where rolname = %s", (parts.username,))
        if await known.fetchone() is None:
            await connection.execute(sql.SQL("create role {}").format(role))
        rights = "login createrole nosuperuser nobypassrls password"
        await connection.execute(sql.SQL("alter role {} {} {}").format(role, sql.SQL(rights), parts.password))
        known = await connection.execute("select 1 from pg_database where datname = %s", (parts.path.lstrip("/"),))
        if await known.fetchone() is None:
            await connection.execute(sql.SQL("create database {} owner {}").format(database, role))

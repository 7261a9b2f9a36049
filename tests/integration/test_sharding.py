"""Nothing in the schema ties users together, so that they can be spread over databases by their ids (docs/growth.md).

That each statement is bound to one user is a rule of `tests/rules/sql.py`; here is what only the migrated schema shows.
"""

from typing import Any

import psycopg
import pytest

from tests.conftest import Addresses

SLOTS = {f"command_log_{slot}" for slot in range(4)}
OF_USERS = {"tasks", "command_log", "user_revisions", *SLOTS}
OF_THE_DATABASE = {"alembic_version", "command_log_state"}
"""What each database has for itself."""

UNIQUE_BY_A_RANDOM_ID = {"tasks_pkey", "command_log_pkey", *(f"{slot}_pkey" for slot in SLOTS)}
"""Unique by a UUID alone. Each of several databases keeps that for itself; an engine that spreads one table over
servers, such as Citus, wants user_id in them first."""

TABLES = "select tablename from pg_tables where schemaname = 'public'"
UNIQUE = """
select indexrelid::regclass::text, array(
  select attname::text from pg_attribute where attrelid = indrelid and attnum = any(indkey) order by attname
)
from pg_index join pg_class on pg_class.oid = indrelid
where indisunique and relname = any(%s)
"""
SEQUENCES = "select sequencename from pg_sequences where schemaname = 'public'"
REFERENCES = "select conname from pg_constraint where contype in ('f', 'x')"
TRIGGERS = "select tgname from pg_trigger where not tgisinternal"


def rows(addresses: Addresses, query: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(addresses.owner) as owner:
        return owner.execute(query.encode(), values).fetchall()


def test_every_table_is_of_users_or_of_the_database(addresses: Addresses) -> None:
    assert {name for (name,) in rows(addresses, TABLES)} == OF_USERS | OF_THE_DATABASE


def test_what_is_unique_is_unique_for_one_user(addresses: Addresses) -> None:
    unique = dict(rows(addresses, UNIQUE, list(OF_USERS)))

    assert unique.keys() >= UNIQUE_BY_A_RANDOM_ID
    assert {name for name, columns in unique.items() if "user_id" not in columns} == UNIQUE_BY_A_RANDOM_ID


@pytest.mark.parametrize("query", [SEQUENCES, REFERENCES, TRIGGERS], ids=["sequences", "references", "triggers"])
def test_nothing_reaches_over_users(addresses: Addresses, query: str) -> None:
    assert rows(addresses, query) == []

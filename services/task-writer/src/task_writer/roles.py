"""The database roles of the services: the writer without DDL, the reader with selects alone."""

import logging
from typing import Any

from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import InsufficientPrivilege
from pydantic import SecretStr

log = logging.getLogger(__name__)

WRITER_ROLE = "taskwire_writer"
READER_ROLE = "taskwire_reader"

ROLE_SETTINGS = {
    "statement_timeout": "5s",
    "lock_timeout": "1500ms",
    "timezone": "UTC",
    "default_transaction_isolation": "read committed",  # a look-up sees what was committed while it waited: ADR 13
}
"""Kept by the server, so that they hold behind any pooler."""


class RolesMissing(SystemExit):
    """The owner may not create roles: the process ends with what an administrator has to do."""


def ensure_role(owner: Connection[Any], role: str, url: SecretStr | None) -> None:
    """Creates `role` if it is missing and gives it its time-outs; with a `url` that names it, also login and password.

    Needs CREATEROLE, else raises RolesMissing. A `url` with another role's name is left alone: it is the operator's.
    """
    try:
        with owner.transaction():
            exists = owner.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone()
            if not exists:
                owner.execute(sql.SQL("create role {} nologin").format(sql.Identifier(role)))
            for name, value in ROLE_SETTINGS.items():
                owner.execute(
                    sql.SQL("alter role {} set {} = {}").format(
                        sql.Identifier(role), sql.Identifier(name), sql.Literal(value)
                    )
                )
            given = conninfo_to_dict(url.get_secret_value()) if url else {}
            if given.get("user") == role and given.get("password"):
                password = sql.Literal(given["password"])
                owner.execute(sql.SQL("alter role {} login password {}").format(sql.Identifier(role), password))
    except InsufficientPrivilege as error:
        raise RolesMissing(
            f"The role {role} cannot be set up: {error.diag.message_primary}. Let an administrator run "
            f"`create role {role} login password \"…\"` and `alter role {role} set statement_timeout = '5s'` first, "
            "or give the owner CREATEROLE."
        ) from error

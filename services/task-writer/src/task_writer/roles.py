"""The database roles of the services: the writer may not run DDL, the reader may only select."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from common.postgres.servers import options_for_primary
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict
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
"""Stored in the roles, so that they apply behind any pooler."""

NOT_SET = (
    "the password of %s could not be set, and logging in with its address fails: %s. Let an administrator set it with "
    "psql's \\password, or, where the host takes passwords in clear text alone, as Neon does, run there: "
    "alter role %s login password '…'"
)
LOGIN_TIMEOUT_S = 10


class RolesMissing(SystemExit):
    """The roles could not be created: the process ends with what an administrator has to do."""


def ensure_roles(owner: Connection[Any], urls: Mapping[str, SecretStr | None]) -> None:
    """Creates the roles that are missing, with their time-outs. A `url` that names its role gives it a password.

    The password goes to the server as a SCRAM verifier, so that no log of statements has it. A `url` with another name
    is left alone: it is the operator's. Needs CREATEROLE for what is not yet as it should be. Raises RolesMissing with
    the statements for an administrator when PostgreSQL refuses them. A password that PostgreSQL does not take is left
    as it is, and a warning says what to do, unless it is right already.
    """
    missing = [statement for role in urls for statement in _missing(owner, role)]
    try:
        with owner.transaction():
            for statement in missing:
                owner.execute(statement)
    except psycopg.DatabaseError as error:
        if owner.closed:
            raise
        raise RolesMissing(_advice(owner, missing, error.diag.message_primary)) from None
    for role, url in urls.items():
        _set_password(owner, role, url)


def _missing(owner: Connection[Any], role: str) -> Iterator[sql.Composed]:
    name = sql.Identifier(role)
    known = owner.execute("select coalesce(rolconfig, '{}') from pg_roles where rolname = %s", [role]).fetchone()
    if known is None:
        yield sql.SQL("create role {} login").format(name)
    has = {entry.partition("=")[0].lower(): entry.partition("=")[2] for entry in known[0]} if known else {}
    for setting, value in ROLE_SETTINGS.items():
        if has.get(setting) != value:
            yield sql.SQL("alter role {} set {} = {}").format(name, sql.Identifier(setting), sql.Literal(value))


def _set_password(owner: Connection[Any], role: str, url: SecretStr | None) -> None:
    given = conninfo_to_dict(url.get_secret_value()) if url else {}
    if url is None or given.get("user") != role or not given.get("password"):
        return
    verifier = owner.pgconn.encrypt_password(str(given["password"]).encode(), role.encode(), b"scram-sha-256")
    statement = sql.SQL("alter role {} login password {}").format(sql.Identifier(role), sql.Literal(verifier.decode()))
    try:
        with owner.transaction():
            owner.execute(statement)
    except psycopg.DatabaseError as error:  # no right, or a host such as Neon, which takes no verifiers
        if owner.closed:
            raise
        if not _logs_in(url):
            log.warning(NOT_SET, role, error.diag.message_primary, role)


def _logs_in(url: SecretStr) -> bool:
    try:
        psycopg.connect(url.get_secret_value(), **options_for_primary(url, LOGIN_TIMEOUT_S)).close()
    except psycopg.OperationalError:
        return False
    return True


def _advice(owner: Connection[Any], missing: list[sql.Composed], reason: str | None) -> str:
    """Ends with an empty line and the statements, one a line, so that they can be copied as they are."""
    statements = "\n".join(f"{statement.as_string(owner)};" for statement in missing)
    return (
        f"The roles of the services cannot be set up: {reason}. Give the owner CREATEROLE, or let an administrator run "
        "what stands below, and give the new roles the passwords of WRITER_DATABASE_URL and READER_DATABASE_URL with "
        f"psql's \\password. Then run `task-writer migrate` again.\n\n{statements}"
    )

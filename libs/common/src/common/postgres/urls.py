"""Addresses of PostgreSQL in settings: a wrong one is refused at start. No message shows it, for it has a password."""

from typing import Annotated

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import AfterValidator, SecretStr

from common.addresses import postgres_hosts

ANY_SERVER = frozenset({"any", "read-write", "primary"})
ONLY_STANDBYS = frozenset({"read-only", "standby", "prefer-standby"})


def _postgres_url(url: SecretStr) -> SecretStr:
    try:
        parts = conninfo_to_dict(url.get_secret_value())
    except ProgrammingError:  # its message would quote the password
        raise ValueError("must be a PostgreSQL address, postgresql://user:password@host/database") from None
    if not url.get_secret_value().startswith(("postgresql://", "postgres://")):
        raise ValueError("must start with postgresql://")
    postgres_hosts({name: str(value) for name, value in parts.items()})
    if parts.get("target_session_attrs", "any") not in ANY_SERVER | ONLY_STANDBYS:
        raise ValueError(f"must have one of {', '.join(sorted(ANY_SERVER | ONLY_STANDBYS))} as target_session_attrs")
    return url


def _of_a_primary(url: SecretStr) -> SecretStr:
    if conninfo_to_dict(url.get_secret_value()).get("target_session_attrs") in ONLY_STANDBYS:
        raise ValueError(
            "must lead to a server that takes writes: remove target_session_attrs, or set it to read-write"
        )
    return url


type PostgresUrl = Annotated[SecretStr, AfterValidator(_postgres_url)]
"""An address in libpq's form. It may name several hosts: `postgresql://user:password@one,two,three:5432/database`."""

type PrimaryUrl = Annotated[SecretStr, AfterValidator(_postgres_url), AfterValidator(_of_a_primary)]
"""The same, for who writes."""

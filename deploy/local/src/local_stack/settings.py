"""The stack's settings: the only module here that reads the environment."""

import os
import shutil
import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

# What the stack itself gives to its services, or keeps from them: the owner's address is for the migrations alone.
_OWN_VARIABLES = frozenset(
    {
        "STACK_DIR",
        "GATEWAY_PORT",
        "ADMIN_PORT",
        "ADMIN_HOST",
        "HOST",
        "PORT",
        "DATABASE_URL",
        "WRITER_DATABASE_URL",
        "READER_DATABASE_URL",
        "RABBITMQ_URL",
        "STACK_RABBITMQ",
        "STACK_INSTALL",
        "READER_URL",
    }
)
# Paths, which the caller sees from where it is, and services from the state directory.
_FILE_VARIABLES = ("AUTH_JWKS_FILE", "RABBITMQ_CA_FILE")
# What a server of its own gets of the caller's environment. A PGPORT or RABBITMQ_NODENAME meant for another server
# would otherwise change it.
_SERVER_VARIABLES = frozenset({"PATH", "TMPDIR", "LD_LIBRARY_PATH"})


def _postgres_url(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("postgresql://", "postgres://")):
        raise ValueError("must start with postgresql://")
    return url


def _amqp_url(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("amqp://", "amqps://")):
        raise ValueError("must start with amqp:// or amqps://")
    return url


type PostgresUrl = Annotated[SecretStr, AfterValidator(_postgres_url)]
type AmqpUrl = Annotated[SecretStr, AfterValidator(_amqp_url)]


class NodeSettings(BaseSettings):
    """Settings of the stack's RabbitMQ node; tests and benchmarks read them, too."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    stack_rabbitmq: Literal["4", "3.10"] | None = Field(
        None, description="line of RabbitMQ's releases: `4` (4.x) or `3.10`. Unset: 4.x, or what is available"
    )
    stack_install: bool = Field(
        True, description="false: install no package and pull no image, even if nothing starts without"
    )


class StackSettings(NodeSettings):
    """Every variable that `python -m local_stack` reads; an empty one counts as not set."""

    stack_dir: Path = Field(Path(".stack"), description="where data, logs and pid files live")
    gateway_port: int = Field(8000, ge=1, le=65535, description="port of the gateway")
    admin_port: int = Field(
        9000, ge=1, le=65533, description="first of the three admin ports; others are used where these are taken"
    )
    host: str = Field("127.0.0.1", description="address that the gateway listens on")
    database_url: PostgresUrl | None = Field(None, description="the owner's address; instead of starting PostgreSQL")
    writer_database_url: PostgresUrl | None = Field(None, description="the writer's address; only with DATABASE_URL")
    reader_database_url: PostgresUrl | None = Field(None, description="the reader's address; only with DATABASE_URL")
    rabbitmq_url: AmqpUrl | None = Field(None, description="address of RabbitMQ; instead of starting it")


def load() -> StackSettings:
    """Reads the environment; names every faulty variable on standard error and exits with status 1 if there is any."""
    try:
        return StackSettings()
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False):
            name = "_".join(str(part) for part in fault["loc"]).upper()
            sys.stderr.write(f"{name}: {fault['msg'].removeprefix('Value error, ')}\n")
        raise SystemExit(1) from None


def service_environment() -> dict[str, str]:
    """The caller's environment as the services get it: without what the stack decides itself.

    Their logs are files that people read, so they are text unless LOG_FORMAT says otherwise; and whoever starts this on
    their own machine may want to see something: the home page is on unless HOME_PAGE says otherwise.
    """
    passed_on = {name: value for name, value in os.environ.items() if name not in _OWN_VARIABLES}
    files = {name: str(Path(passed_on[name]).absolute()) for name in _FILE_VARIABLES if passed_on.get(name)}
    return {"LOG_FORMAT": "text", "HOME_PAGE": "true"} | passed_on | files


def server_environment() -> dict[str, str]:
    """The variables that PostgreSQL and RabbitMQ get from the caller's environment."""
    return {name: value for name, value in os.environ.items() if name in _SERVER_VARIABLES}


def docker_environment() -> dict[str, str]:
    """The variables that `docker` gets from the caller's environment."""
    wanted = {"PATH", "HOME", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"}
    return {name: value for name, value in os.environ.items() if name in wanted}


def cache_directory() -> Path:
    """This project's directory in the user's cache (XDG Base Directory Specification)."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home).absolute() / "taskwire"


def find_program(name: str) -> Path | None:
    """The program's path on PATH; None when it is not there."""
    found = shutil.which(name)
    return Path(found) if found else None

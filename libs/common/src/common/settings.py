"""Settings shared by the services: each is read from the environment variable of the same name in upper case."""

import re
import sys
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    HttpUrl,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from common.addresses import amqp_addresses, base_address
from common.extras import are_installed

type Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
"""A time: beyond a day it is a slip, and beyond that some clock, header or statement cannot hold it."""

type Count = Annotated[int, Field(ge=1, le=1_000_000)]
"""A number of things in one process."""

type ByteCount = Annotated[int, Field(ge=0, le=2**40)]
"""Memory of one process; 0 where it may do without."""

type ShortCount = Annotated[int, Field(ge=1, le=65_535)]
"""What AMQP sends in 16 bits, and whole seconds."""


def _existing(path: Path) -> Path:
    try:
        found = path.is_file()
    except OSError:  # a name that is too long
        found = False
    if not found:
        raise ValueError("does not point to a file")
    return path


type ExistingFile = Annotated[Path, AfterValidator(_existing)]


class ServiceSettings(BaseSettings):
    """Settings of every service. An empty variable counts as unset, because an empty address would mean a default."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="minimum level of log records")
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="format; auto is text on a terminal, otherwise one JSON object per line"
    )
    log_requests: bool = Field(
        False, description="log every request and batch, not only those that fail or take over a second"
    )


class AdminSettings(ServiceSettings):
    """The admin port, for probes, Prometheus and operators."""

    admin_port: int | None = Field(None, ge=0, le=65535, description="port for probes and metrics; unset: off")
    admin_host: str = Field("127.0.0.1", description="address of the admin port; 0.0.0.0 in a container")


def _can_be_traced_to(address: HttpUrl) -> HttpUrl:
    """Tracing needs OpenTelemetry's SDK and exporter, which are an optional extra."""
    if not are_installed("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"):
        raise ValueError("tracing is not installed: install the service with its extra `otlp`, as gateway[otlp]")
    return address


class TraceSettings(ServiceSettings):
    """Where to send traces. OpenTelemetry itself reads its other variables, such as OTEL_BSP_SCHEDULE_DELAY."""

    otel_exporter_otlp_endpoint: (
        Annotated[HttpUrl, AfterValidator(base_address), AfterValidator(_can_be_traced_to)] | None
    ) = Field(
        None,
        description="OTLP/HTTP endpoint for traces, such as http://tempo:4318; unset: no tracing",
    )


def _long_secret(secret: SecretStr) -> SecretStr:
    """It is sent in a header, so it must be visible ASCII."""
    if not re.fullmatch(r"[!-~]{32,}", secret.get_secret_value()):
        raise ValueError("must be 32 or more visible ASCII characters, such as `openssl rand -hex 24` makes")
    return secret


class HttpSettings(ServiceSettings):
    """Settings of a service that serves HTTP."""

    host: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0 in a container")
    port: int = Field(ge=0, le=65535, description="port to listen on")
    head_max_bytes: Count = Field(32768, description="maximum size of a request's line and headers; then 431")
    head_timeout_s: Seconds = Field(10.0, description="time for the request line and headers to arrive; then 408")
    body_timeout_s: Seconds = Field(10.0, description="time for a request's body to arrive; then 408")
    answer_timeout_s: Seconds = Field(
        30.0, description="time for a client to read its response; then its connection is aborted"
    )
    connections_max: Count = Field(10_000, description="maximum open connections per process; then 503")
    requests_max_in_flight: Count = Field(5_000, description="maximum concurrent requests per process; then 503")


type AmqpUrls = Annotated[SecretStr, AfterValidator(amqp_addresses)]


class ReaderTokenSettings(ServiceSettings):
    """The secret by which a task-reader authenticates gateways."""

    reader_token: Annotated[SecretStr, AfterValidator(_long_secret)] | None = Field(
        None,
        description="secret shared by gateways and task-readers; when set, readers reject all others",
    )


class DatabaseSettings(ServiceSettings):
    """How a service talks to PostgreSQL."""

    connect_timeout_s: ShortCount = Field(
        10,
        description="time to open a database connection; Neon needs up to 10 to resume. To each of several hosts: 3 at "
        "most",
    )
    pool_size: Count = Field(8, description="maximum database connections per process")
    pool_timeout_s: Seconds = Field(1.0, description="time to wait for a free database connection; then 503")
    database_timeout_s: Seconds = Field(
        8.0,
        description="time for work on the database including waits and retries; longer than the roles' statement "
        "timeout of 5 s",
    )
    pool_max_waiting: Count = Field(1000, description="maximum requests waiting for a database connection")
    allow_rls_bypass: bool = Field(False, description="start even when the database role bypasses row-level security")


class BusSettings(ServiceSettings):
    """How a service talks to RabbitMQ."""

    rabbitmq_url: AmqpUrls = Field(
        description="amqp:// or amqps:// address of RabbitMQ, with user and password; for a cluster those of its "
        "nodes, separated by commas"
    )
    rabbitmq_ca_file: ExistingFile | None = Field(
        None, description="with amqps://: CA file that verifies RabbitMQ's certificate. Unset: the system's CAs"
    )
    rabbitmq_heartbeat_s: ShortCount = Field(
        5, description="silence of RabbitMQ after which a connection is replaced, up to half as much more"
    )

    @model_validator(mode="after")
    def _a_ca_means_tls(self) -> Self:
        if self.rabbitmq_ca_file is not None and not self.rabbitmq_url.get_secret_value().startswith("amqps://"):
            raise ValueError("RABBITMQ_CA_FILE needs amqps://, but RABBITMQ_URL is not encrypted")
        return self


def load[Settings: ServiceSettings](settings_class: type[Settings]) -> Settings:
    """Reads the environment. Prints every invalid variable to standard error and exits with status 2 if there is
    any."""
    try:
        return settings_class()
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False):
            prefix = f"{str(fault['loc'][0]).upper()}: " if fault["loc"] else ""  # some concern several variables
            sys.stderr.write(f"{prefix}{fault['msg'].removeprefix('Value error, ')}\n")
        sys.stderr.write("Set the variables above; docs/configuration.md lists them all.\n")
        raise SystemExit(2) from None

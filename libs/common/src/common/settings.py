"""Settings shared by the services: each is read from an environment variable of the same name in capitals."""

import re
import sys
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    FilePath,
    HttpUrl,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from common.addresses import amqp_address, base_address
from common.extras import are_installed


class ServiceSettings(BaseSettings):
    """What every service has. An empty variable counts as not set: an empty address would mean a default one."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="how much is logged")
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="how; auto is text on a terminal, else a JSON object a line"
    )
    log_requests: bool = Field(
        False, description="a line for each request and batch, not only for those that fail or take over a second"
    )


class AdminSettings(ServiceSettings):
    """Where probes, Prometheus and operators come in."""

    admin_port: int | None = Field(
        None, ge=0, le=65535, description="port for probes and metrics; without one there is none"
    )
    admin_host: str = Field("127.0.0.1", description="address of the admin port; 0.0.0.0 in a container")


def _can_be_traced_to(address: HttpUrl) -> HttpUrl:
    """Spans need OpenTelemetry's SDK and its exporter, which only those install who trace."""
    if not are_installed("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"):
        raise ValueError("tracing is not installed: install the service with its extra `otlp`, as gateway[otlp]")
    return address


class TraceSettings(ServiceSettings):
    """Where traces go. OpenTelemetry itself reads its other variables, such as OTEL_BSP_SCHEDULE_DELAY."""

    otel_exporter_otlp_endpoint: (
        Annotated[HttpUrl, AfterValidator(base_address), AfterValidator(_can_be_traced_to)] | None
    ) = Field(
        None,
        description="address that takes traces by OTLP/HTTP, such as http://tempo:4318; without one there are none",
    )


def _long_secret(secret: SecretStr) -> SecretStr:
    """It travels in a header, so it is of visible ASCII characters."""
    if not re.fullmatch(r"[!-~]{32,}", secret.get_secret_value()):
        raise ValueError("must be 32 or more visible ASCII characters, such as `openssl rand -hex 24` makes")
    return secret


class HttpSettings(ServiceSettings):
    """What a service that listens for HTTP has."""

    host: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0 in a container")
    port: int = Field(ge=0, le=65535, description="port to listen on")
    head_max_bytes: PositiveInt = Field(32768, description="address and headers of a request, at most; then 431")
    head_timeout_s: PositiveFloat = Field(10.0, description="limit for them to arrive; then 408")
    body_timeout_s: PositiveFloat = Field(10.0, description="limit for a request's body to arrive; then 408")
    answer_timeout_s: PositiveFloat = Field(
        30.0, description="limit for a client that does not read its answer; then its connection is cut"
    )
    connections_max: PositiveInt = Field(10_000, description="connections at once, at most, per process; then 503")
    requests_max_in_hand: PositiveInt = Field(5_000, description="requests at once, at most, per process; then 503")


type AmqpUrl = Annotated[SecretStr, AfterValidator(amqp_address)]


class ReaderTokenSettings(ServiceSettings):
    """What gateway and task-reader share, so that the one knows the other."""

    reader_token: Annotated[SecretStr, AfterValidator(_long_secret)] | None = Field(
        None,
        description="secret that gateways and task-readers share; with it, readers serve nobody else",
    )


class DatabaseSettings(ServiceSettings):
    """How a service talks to PostgreSQL."""

    connect_timeout_s: PositiveInt = Field(
        10, description="limit for opening a database connection; Neon needs 10 to wake"
    )
    pool_size: PositiveInt = Field(8, description="database connections kept, at most, per process")
    pool_timeout_s: PositiveFloat = Field(1.0, description="wait for a free database connection before answering 503")
    database_timeout_s: PositiveFloat = Field(
        8.0, description="limit for work on the database with all its waits and retries; over the roles' own of 5 s"
    )
    pool_max_waiting: PositiveInt = Field(1000, description="requests that may wait for a database connection at once")
    allow_rls_bypass: bool = Field(
        False, description="start even on a database role that row-level security does not bind"
    )


class BusSettings(ServiceSettings):
    """How a service talks to RabbitMQ."""

    rabbitmq_url: AmqpUrl = Field(description="amqp:// or amqps:// address of RabbitMQ, with user and password")
    rabbitmq_ca_file: FilePath | None = Field(
        None, description="with amqps://: file of the CA that vouches for RabbitMQ. Unset: the system's CAs"
    )
    rabbitmq_heartbeat_s: PositiveInt = Field(10, description="heartbeat of the connections to RabbitMQ")

    @model_validator(mode="after")
    def _a_ca_means_tls(self) -> Self:
        if self.rabbitmq_ca_file is not None and not self.rabbitmq_url.get_secret_value().startswith("amqps://"):
            raise ValueError("RABBITMQ_CA_FILE is for amqps://, and RABBITMQ_URL would go over the network in the open")
        return self


def load[Settings: ServiceSettings](settings_class: type[Settings]) -> Settings:
    """Reads the environment; names every faulty variable on standard error and exits with status 2 if there is any."""
    try:
        return settings_class()
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False):
            place = f"{str(fault['loc'][0]).upper()}: " if fault["loc"] else ""  # some are of several together
            sys.stderr.write(f"{place}{fault['msg']}\n")
        sys.stderr.write("Set the variables above; the README lists them all.\n")
        raise SystemExit(2) from None

"""The gateway's settings."""

from pathlib import Path
from typing import Annotated, Literal, Self

from common.addresses import is_loopback, origin, server_address, without_extras
from common.contracts.reads import MAX_READS_PER_BATCH
from common.observability.tracing import Sampling
from common.settings import (
    AdminSettings,
    BusSettings,
    Count,
    HttpSettings,
    ReaderTokenSettings,
    Seconds,
    ServiceSettings,
    TraceSettings,
)
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    HttpUrl,
    model_validator,
)
from pydantic_core import from_json
from pydantic_settings import NoDecode


def _from_json(value: object) -> object:
    """Decoded here, because pydantic-settings would fail with a traceback."""
    return from_json(value) if isinstance(value, str) else value


type ServerAddress = Annotated[HttpUrl, AfterValidator(server_address)]
type Rate = Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]
type Origin = Annotated[str, AfterValidator(origin)]


def _safe_keys(url: HttpUrl) -> HttpUrl:
    """Whoever can tamper with the keys in transit can impersonate any user."""
    if url.scheme == "http" and not is_loopback(url.host or ""):
        raise ValueError("must begin with https://; http:// is only for an issuer on localhost")
    return without_extras(url)


class IdentitySettings(ServiceSettings):
    """Who may use a user's paths: anyone, or only the bearer of a token for that user."""

    auth_mode: Literal["off", "jwt"] = Field(
        "off", description="jwt: require a bearer token whose claim is the path's user; off: anyone may call"
    )
    auth_jwks_url: Annotated[HttpUrl, AfterValidator(_safe_keys)] | None = Field(
        None, description="URL of the issuer's JSON Web Key Set (RFC 7517): https://, or http:// on localhost"
    )
    auth_jwks_file: Path | None = Field(None, description="file with the key set, instead of AUTH_JWKS_URL")
    auth_issuer: str | None = Field(None, description="required value of a token's iss; required with jwt")
    auth_audience: str | None = Field(None, description="required value in a token's aud; required with jwt")
    auth_user_claim: str = Field(
        "sub",
        pattern=r"^[!#-\[\]-~]+$",  # it appears in WWW-Authenticate (RFC 6750, section 3)
        description="claim that holds the user's UUID",
    )

    @model_validator(mode="after")
    def _jwt_is_complete(self) -> Self:
        """Names all that is missing: whoever sets it up should not learn of one variable at each start."""
        if self.auth_mode == "off":
            return self
        wanted = {
            "either AUTH_JWKS_URL or AUTH_JWKS_FILE": (self.auth_jwks_url is None) != (self.auth_jwks_file is None),
            "AUTH_ISSUER": bool(self.auth_issuer),
            "AUTH_AUDIENCE": bool(self.auth_audience),
        }
        missing = [name for name, is_given in wanted.items() if not is_given]
        if missing:
            raise ValueError(f"AUTH_MODE=jwt needs {', and '.join(missing)}")
        return self


class RateLimitSettings(ServiceSettings):
    """Rate limits per user and per address, in each gateway process."""

    user_requests_per_s: Rate | None = Field(
        None, description="requests per second for one user, per process; then 429. Unset: no limit"
    )
    user_burst: Count = Field(100, description="size of a user's token bucket")
    address_requests_per_s: Rate | None = Field(
        None, description="requests per second from one address, per process; then 429. Unset: no limit"
    )
    address_burst: Count = Field(200, description="size of an address's token bucket")
    trusted_proxies: int = Field(
        0,
        ge=0,
        le=100,
        description="number of proxies in front that append to X-Forwarded-For; 0: the peer is the client",
    )


class EventSettings(ServiceSettings):
    """Event streams, in each gateway process."""

    event_streams_max: Count = Field(5_000, description="maximum event streams per process; then 503")
    event_streams_per_user: Count = Field(20, description="maximum event streams of one user, per process; then 429")
    event_heartbeat_s: Seconds = Field(15.0, description="pause between the heartbeats of an event stream")
    event_check_s: Seconds = Field(
        10.0, description="pause between looks for changes without a hint; a lost hint costs that long"
    )


class SamplingSettings(TraceSettings):
    """OpenTelemetry's sampling settings; the gateway decides for the services behind it."""

    otel_traces_sampler: Literal[
        "parentbased_always_on",
        "parentbased_traceidratio",
        "parentbased_always_off",
        "always_on",
        "traceidratio",
        "always_off",
    ] = Field(
        "parentbased_always_on",
        description="which requests are traced: all, a ratio or none; parentbased_ follows the client's decision",
    )
    otel_traces_sampler_arg: float = Field(1.0, ge=0, le=1, description="the ratio, for traceidratio")

    @property
    def sampling(self) -> Sampling:
        """The settings as `open_tracing` takes them."""
        kind = self.otel_traces_sampler.removeprefix("parentbased_")
        ratios = {"always_on": 1.0, "traceidratio": self.otel_traces_sampler_arg, "always_off": 0.0}
        return Sampling(ratios[kind], trusts_traceparent=kind != self.otel_traces_sampler)


class GatewaySettings(
    HttpSettings,
    AdminSettings,
    SamplingSettings,
    BusSettings,
    IdentitySettings,
    RateLimitSettings,
    EventSettings,
    ReaderTokenSettings,
):
    """Every variable that the gateway reads."""

    reader_url: ServerAddress = Field(description="address of the task-reader, such as http://task-reader:8001")
    reader_primary_url: ServerAddress | None = Field(
        None,
        description="address of a task-reader on the primary, for what those at READER_URL cannot answer; unset: none",
    )
    read_timeout_s: Seconds = Field(3.0, description="time for an answer of the task-reader; then 503")
    reads_max_in_flight: Count = Field(
        4, description="maximum concurrent requests to the task-reader per process, for each kind of read"
    )
    reads_max_waiting: Count = Field(
        4096, description="maximum waiting reads of each kind, a quarter of them for one user; then 503"
    )
    finds_max_batch: Count = Field(
        32, le=MAX_READS_PER_BATCH, description="maximum single-task reads in one request to the task-reader"
    )
    lists_max_batch: Count = Field(
        16, le=MAX_READS_PER_BATCH, description="maximum list reads in one request to the task-reader"
    )
    pages_max_batch: Count = Field(
        16, le=MAX_READS_PER_BATCH, description="maximum short pages of lists in one request to the task-reader"
    )
    write_deadline_s: Seconds = Field(
        2.0, description="time for the answer to a write; then 504, or 503 when it was not sent"
    )
    bus_start_timeout_s: Seconds = Field(
        2.0, description="time to wait for RabbitMQ at startup; then the gateway listens without it"
    )
    bus_max_batch: Count = Field(128, description="maximum commands in one message")
    bus_max_in_flight: Count = Field(2, description="maximum batches of commands in flight per process")
    bus_max_waiting: Count = Field(
        4096, description="maximum waiting commands, a quarter of them for one user; then 503"
    )
    home_page: bool = Field(False, description="serve a to-do list for people at /, a client of the API")
    cors_origins: Annotated[list[Origin], NoDecode, BeforeValidator(_from_json)] = Field(
        [], description='JSON list of allowed CORS origins, e.g. ["https://app.example"]'
    )
